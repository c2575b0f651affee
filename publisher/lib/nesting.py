"""How deep a piece of HTML nests, and what it costs to parse, told without building a tree.

::

    html ─ tokens as WHATWG "Tokenization" cuts them ─→ stack of names ─→ deepest, copies
                 └ inside <svg> or <math> the rules differ; where it cannot be told which rules hold, every
                   start tag that is left counts as one more open element

An HTML parser needs time that grows with the square of the depth (nh3 0.3: 100,000 open elements take 59 s), and copies
formatting elements that were never closed into every paragraph that follows (73 kB of ``<p><b>`` become 145 MB in
28 s). So both are counted before one runs. A counter of start and end tags alone would not do: an end tag in an
attribute, a comment, a raw text or under another name closes nothing, and would hide any depth. The count may be too
high for odd markup and is never far too low: an end tag counts only where a browser would surely obey it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_START = re.compile(r"<[a-zA-Z]")
_NAME = re.compile(r"[^\t\n\f />]+")
_BETWEEN = re.compile(r"[\t\n\f /]*")
_ATTRIBUTE_NAME = re.compile(r"=?[^\t\n\f />=]*")
_EQUALS = re.compile(r"[\t\n\f ]*=[\t\n\f ]*")
_UNQUOTED = re.compile(r"[^\t\n\f >]*")
_COMMENT_END = re.compile(r"--!?>")
_TEXT = re.compile(r"[^<]*")

_VOID = frozenset(
    {
        "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image", "img", "input", "keygen",
        "link", "meta", "param", "source", "track", "wbr",
    }
)  # fmt: skip
_FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
_RAW_TEXT = frozenset(
    {"iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "textarea", "title", "xmp"}
)
#: A fragment has none of these.
_NEVER_OPEN = frozenset({"body", "frameset", "head", "html"})
_TABLE_PARTS = frozenset({"caption", "colgroup", "tbody", "td", "tfoot", "th", "thead", "tr"})
#: Their end tags may be left out; what follows closes them.
_IMPLIED = frozenset(
    {"dd", "dt", "li", "optgroup", "option", "p", "rb", "rp", "rt", "rtc", "tbody", "td", "tfoot", "th", "thead", "tr"}
)
_CLOSES_P = frozenset(
    {
        "address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl", "dt", "fieldset",
        "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main",
        "nav", "ol", "p", "pre", "section", "ul",
    }
)  # fmt: skip
_CLOSED_BY = {
    "li": {"li"}, "dt": {"dt", "dd"}, "dd": {"dt", "dd"}, "option": {"option"}, "td": {"td", "th"},
    "th": {"td", "th"}, "tr": {"td", "th", "tr"}, "tbody": {"td", "th", "tr", "tbody", "thead"},
    "tfoot": {"td", "th", "tr", "tbody", "thead"}, "rt": {"rt", "rp"}, "rp": {"rt", "rp"},
}  # fmt: skip
#: An end tag does not reach through these.
_SCOPES = frozenset(
    {
        "applet", "button", "caption", "foreignobject", "marquee", "math", "object", "select", "svg", "table", "td",
        "template", "th",
    }
)  # fmt: skip
_FOREIGN = frozenset({"math", "svg"})
#: In <svg> and <math>: HTML again from here on, or text and nothing else.
_LEAVES_FOREIGN = frozenset(
    {
        "annotation-xml", "b", "big", "blockquote", "body", "br", "center", "code", "dd", "desc", "div", "dl", "dt",
        "em", "embed", "font", "foreignobject", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li",
        "listing", "menu", "meta", "mi", "mn", "mo", "ms", "mtext", "nobr", "ol", "p", "pre", "ruby", "s", "script",
        "small", "span", "strike", "strong", "style", "sub", "sup", "table", "title", "tt", "u", "ul", "var",
    }
)  # fmt: skip
_HOLDS_TEXT = frozenset({"desc", "mi", "mn", "mo", "ms", "mtext", "style", "title"})


@dataclass(frozen=True, slots=True)
class Nesting:
    """``depth``: the most elements open at once. ``copies``: formatting elements a parser may have to repeat."""

    depth: int
    copies: int


def measure(html: str, *, stop_at: int = 100_000) -> Nesting:
    """Count open elements; counting ends as soon as more than ``stop_at`` are open.

    Linear in the length of ``html`` times the depth. Line ends must be LF (:func:`publisher.lib.text.scrub`).
    """
    return _Counter(html, stop_at).run()


def starts(html: str) -> int:
    """How many start tags there are at most: a bound of the depth that costs next to nothing."""
    return sum(1 for _ in _START.finditer(html))


class _Counter:
    def __init__(self, html: str, stop_at: int) -> None:
        self.html = html
        self.stop_at = stop_at
        self.stack: list[str] = []
        self.formatting = 0
        self.deepest = 0
        self.copies = 0
        self.foreign = False  # surely inside <svg> or <math>; where it is not sure, counting ends
        self.position = 0

    def run(self) -> Nesting:
        html, size = self.html, len(self.html)
        while self.deepest <= self.stop_at:
            self.position = position = html.find("<", self.position)
            if position < 0 or position + 1 >= size:
                break
            following = html[position + 1]
            if following == "!":
                self._declaration(position)
            elif following == "?":
                self._go_after(">")
            elif following == "/":
                if position + 2 < size and html[position + 2].isascii() and html[position + 2].isalpha():
                    self._tag(position + 2, closing=True)
                else:
                    self._go_after(">")
            elif following.isascii() and following.isalpha():
                self._tag(position + 1, closing=False)
            else:
                self.position += 1
        return Nesting(self.deepest, self.copies)

    def _go_after(self, text: str) -> None:
        found = self.html.find(text, self.position)
        self.position = len(self.html) if found < 0 else found + len(text)

    def _give_up(self) -> None:
        """From here on it cannot be told what is a tag: each that may be one may open an element."""
        left = starts(self.html[self.position :])
        self.deepest = max(self.deepest, len(self.stack) + left)
        self.copies += self.formatting * left
        self.position = len(self.html)

    def _declaration(self, position: int) -> None:
        if self.html.startswith("<!--", position):
            inside = position + 4
            for short in (">", "->"):
                if self.html.startswith(short, inside):
                    self.position = inside + len(short)
                    return
            end = _COMMENT_END.search(self.html, inside)
            self.position = end.end() if end else len(self.html)
        elif self.foreign and self.html.startswith("<![CDATA[", position):
            self._go_after("]]>")
        else:
            self._go_after(">")

    def _tag(self, position: int, *, closing: bool) -> None:
        found = _NAME.match(self.html, position)
        end = self._end_of_tag(found.end()) if found else -1
        if found is None or end < 0:
            self.position = len(self.html)  # the input ends inside a tag: a parser drops it
            return
        name = found.group().lower()
        self.copies += self.formatting
        self.position = end
        self_closing = self.html[end - 2] == "/"
        if self.foreign:
            self._foreign_tag(name, closing=closing, self_closing=self_closing)
        elif closing:
            self._close(name)
        elif name in _RAW_TEXT:
            self._skip_raw_text(name)
        elif name not in _FOREIGN:
            self._open(name)
        elif not self_closing:
            self._push(name)
            self.foreign = True

    def _end_of_tag(self, position: int) -> int:
        html, size = self.html, len(self.html)
        while True:
            position = _BETWEEN.match(html, position).end()  # type: ignore[union-attr]  # matches always, maybe nothing
            if position >= size:
                return -1
            if html[position] == ">":
                return position + 1
            position = _ATTRIBUTE_NAME.match(html, position).end()  # type: ignore[union-attr]
            equals = _EQUALS.match(html, position)
            if equals is None:
                continue
            position = equals.end()
            if position >= size:
                return -1
            quote = html[position]
            if quote in "\"'":
                position = html.find(quote, position + 1) + 1
                if position == 0:
                    return -1
            else:
                position = _UNQUOTED.match(html, position).end()  # type: ignore[union-attr]

    def _skip_raw_text(self, name: str) -> None:
        if "select" in self.stack:  # where some parsers ignore the tag, and read on as HTML
            self._give_up()
        elif name == "plaintext":
            self.position = len(self.html)
        else:
            end = re.compile(rf"</{name}(?=[\t\n\f />])", re.IGNORECASE).search(self.html, self.position)
            self.position = end.start() if end else len(self.html)

    def _foreign_tag(self, name: str, *, closing: bool, self_closing: bool) -> None:
        if closing:
            if name != self.stack[-1]:
                self._give_up()
                return
            self.stack.pop()
            self.foreign = not _FOREIGN.isdisjoint(self.stack)
        elif name not in _LEAVES_FOREIGN:
            if not self_closing:
                self._push(name)
        elif not self_closing:
            # <title> of a drawing, <mi> of a formula: fine with text alone, else the rules of HTML come back.
            text = _TEXT.match(self.html, self.position)
            closed = f"</{name}>"
            if text and self.html[text.end() : text.end() + len(closed)].lower() == closed and name in _HOLDS_TEXT:
                self.position = text.end() + len(closed)
            else:
                self._give_up()
        elif name not in _HOLDS_TEXT:
            self._give_up()

    def _push(self, name: str) -> None:
        self.stack.append(name)
        self.formatting += name in _FORMATTING
        self.deepest = max(self.deepest, len(self.stack))

    def _open(self, name: str) -> None:
        stack = self.stack
        if name in _CLOSES_P and stack and stack[-1] == "p":
            stack.pop()
        closed = _CLOSED_BY.get(name, ()) if name not in ("rt", "rp") or "ruby" in stack else ()
        while stack and stack[-1] in closed:
            stack.pop()
        if name in _VOID or name in _NEVER_OPEN or (name in _TABLE_PARTS and "table" not in stack):
            return
        self._push(name)

    def _close(self, name: str) -> None:
        stack = self.stack
        if name in _NEVER_OPEN:
            return
        if name not in _FORMATTING and name in stack:
            while stack[-1] in _IMPLIED and stack[-1] != name:
                stack.pop()
        for index in range(len(stack) - 1, -1, -1):
            if stack[index] == name:
                del stack[index]
                self.formatting -= name in _FORMATTING
                return
            if stack[index] in _SCOPES:
                return
