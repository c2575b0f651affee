"""Front matter as values that know their line, from YAML that cannot hurt.

::

    text ─ split at the lines of --- ─→ YAML ─ libyaml's events ─→ Scalar | Sequence | Mapping, each with its line

Every scalar stays text: ``1984`` is a tag and ``no`` a country as long as nobody asks for a number or a
yes-or-no. No tag is ever constructed, aliases are refused (nine of them make a billion items), size, depth
and count are bounded, and a key that stands twice is an error rather than a silent loss.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

from publisher.errors import HostileContent, SourceError
from publisher.lib.text import scrub

MAX_FRONT_MATTER = 64 * 1024
MAX_DEPTH = 8
MAX_NODES = 5_000

#: The line that opens and closes front matter: three hyphens or more.
_FENCE = re.compile(r"^-{3,}[^\S\n]*$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*(?:\n|\Z))*")
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
_Loader: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    text: str
    line: int
    quoted: bool = False

    @property
    def absent(self) -> bool:
        """``key:``, ``key: ~`` and ``key: null`` say nothing."""
        return not self.quoted and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True)
class Sequence:
    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    line: int
    items: dict[str, Node] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)  # of the keys


Node = Scalar | Sequence | Mapping


def split(text: str) -> tuple[Mapping, str, int]:
    """A file's front matter, its body, and the 1-based line on which the body begins.

    :raises SourceError: with the line: not closed, not YAML, or not a list of ``key: value``.
    """
    stripped = text.lstrip()
    opening = _FENCE.match(stripped)
    if opening is None:
        return Mapping(1), text, 1
    before = len(text) - len(stripped)
    first = text.count("\n", 0, before) + 1  # the line of the opening fence
    closing = _FENCE.search(stripped, opening.end())
    if closing is None:
        raise SourceError("the front matter is not closed; end it with a line ---", line=first)
    matter = stripped[opening.end() : closing.start()]
    body = _BLANK_LINES.sub("", stripped[closing.end() :], count=1)
    if len(matter) > MAX_FRONT_MATTER:
        reason = (
            f"the front matter is larger than {MAX_FRONT_MATTER // 1024} KB; the article belongs below the second ---"
        )
        raise HostileContent(reason, line=first)
    # YAML refuses control characters, and ends lines where no editor does; an article is not set aside for that.
    matter = scrub(_LINE_ENDS.sub(" ", matter))
    return _load(matter, first), body, text.count("\n", 0, len(text) - len(body)) + 1


def _load(matter: str, first: int) -> Mapping:
    """YAML whose first line is line ``first`` of the file."""
    try:
        root = _compose(matter, first)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if error.context_mark and ("flow" in str(error.context) or "quoted" in str(error.context)):
            mark = error.context_mark  # where the bracket or quote was opened that nothing closes
        line = first + (mark.line if mark else 0)
        raise SourceError(f"the front matter is not YAML: {error.problem or error.context}", line=line) from None
    except yaml.YAMLError as error:
        raise SourceError(f"the front matter is not YAML: {getattr(error, 'reason', error)}", line=first) from None
    if root is None or (isinstance(root, Scalar) and root.absent):
        return Mapping(first)
    if not isinstance(root, Mapping):
        raise SourceError('the front matter is not a list of "key: value" lines', line=root.line)
    return root


def _compose(matter: str, first: int) -> Node | None:
    root: Node | None = None
    open_nodes: list[Sequence | Mapping] = []
    keys: list[Scalar | None] = []  # of each open mapping: the key that waits for its value
    count = 0
    for event in yaml.parse(matter, Loader=_Loader):
        line = first + (event.start_mark.line if event.start_mark else 0)
        node: Node
        match event:
            case yaml.AliasEvent():
                raise HostileContent("aliases (*name) are not allowed in front matter; write the value out", line=line)
            case yaml.ScalarEvent():
                node = Scalar(event.value, line, quoted=event.style not in (None, ""))
            case yaml.SequenceStartEvent():
                node = Sequence(line)
            case yaml.MappingStartEvent():
                node = Mapping(line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                open_nodes.pop()
                keys.pop()
                continue
            case yaml.DocumentStartEvent() if root is not None:
                raise SourceError("the front matter holds more than one document", line=line)
            case _:
                continue
        count += 1
        if count > MAX_NODES or len(open_nodes) >= MAX_DEPTH:
            raise HostileContent("the front matter holds too many values or nests too deep", line=line)
        if not open_nodes:
            root = node
        elif isinstance(parent := open_nodes[-1], Sequence):
            parent.items.append(node)
        elif keys[-1] is None:
            if not isinstance(node, Scalar):
                raise SourceError("a key must be plain text", line=line)
            if node.text in parent.items:
                raise SourceError(f"the key {node.text!r} stands twice", line=line)
            keys[-1] = node
        else:
            parent.items[keys[-1].text] = node
            parent.lines[keys[-1].text] = keys[-1].line
            keys[-1] = None
        if not isinstance(node, Scalar):
            open_nodes.append(node)
            keys.append(None)
    return root
