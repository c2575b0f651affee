"""What mail clients will not show, found in a template before a subscriber finds it: file, line, reason.

The table below is our own, drawn up from what caniemail.com records for each feature (its pages are named by the
feature) and from measurements with premailer. A finding is an *error* where something would be lost or broken for
many subscribers, a *warning* where a few clients show less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import TemplateSyntaxError

from publisher.errors import RenderError
from publisher.rendering.sandbox import confined_environment
from publisher.rendering.templates import packaged_templates

MAX_STYLE = 8192

PARTS = ("subject.txt", "body.html", "body.txt")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """``file`` is relative to ``templates/``, ``line`` counts from 1; ``error`` or ``warning``."""

    file: str
    line: int
    severity: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.message}"


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: re.Pattern[str]
    severity: str
    message: str


def _rule(pattern: str, severity: str, message: str) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), severity, message)


#: Looked for inside style sheets and style attributes.
CSS_RULES = (
    _rule(r"@import\b", "error", "@import is refused; write the rules into the template"),
    _rule(
        r"\bvar\s*\(|(?<![\w-])--[a-z][\w-]*\s*:",
        "error",
        "CSS variables stay unresolved; Gmail and Outlook drop the rule",
    ),
    _rule(
        r"\bcalc\s*\(|\bclamp\s*\(|\bmin\s*\(|\bmax\s*\(", "warning", "calculated lengths: not in Outlook for Windows"
    ),
    _rule(r"display\s*:\s*(?:inline-)?flex", "error", "flexbox: not in Outlook for Windows; use a table"),
    _rule(r"display\s*:\s*(?:inline-)?grid", "error", "grid: not in Gmail, Outlook for Windows or Yahoo; use a table"),
    _rule(r"position\s*:\s*(?:absolute|relative|fixed|sticky)", "error", "position: removed by Gmail and Outlook"),
    _rule(r"(?<![\w-])float\s*:", "warning", "float: not in Outlook for Windows; use the align attribute"),
    _rule(r"background(?:-image)?\s*:[^;]*url\s*\(", "warning", "background pictures: not in Outlook for Windows"),
    _rule(
        r"rgba?\s*\(\s*\d+\s+\d+|hsla?\s*\(|color-mix\s*\(|oklch\s*\(",
        "error",
        "this colour is dropped in inlining; use #rrggbb",
    ),
    _rule(
        r"rgba?\s*\(\s*[\d.]+%?\s*,", "warning", "rgb colours: transparency is lost in Outlook for Windows; use #rrggbb"
    ),
    _rule(
        r":(?:is|where|not|has|nth-child|nth-of-type|first-of-type|last-of-type)\s*\(?",
        "error",
        "this selector is not inlined; use a class",
    ),
    _rule(r"::?(?:before|after)\b", "error", "generated content: in hardly any mail client"),
    _rule(r"@font-face\b", "warning", "web fonts: in Apple Mail and few others; name a common fallback"),
    _rule(r"@(?:keyframes|-webkit-keyframes)|animation\s*:|transition\s*:", "warning", "animation: in Apple Mail only"),
    _rule(
        r"transform\s*:|filter\s*:|clip-path\s*:|object-fit\s*:",
        "warning",
        "transform, filter and the like: not in Gmail or Outlook",
    ),
    _rule(
        r"\b\d*\.?\d+(?:rem|vw|vh|vmin|vmax|ch)\b",
        "warning",
        "rem and viewport units: not in Outlook for Windows; use px",
    ),
    _rule(r"(?<![\w-])margin[\w-]*\s*:[^;]*-\d", "warning", "negative margins: removed by Gmail and Outlook"),
    _rule(
        r"(?<![\w-])gap\s*:|aspect-ratio\s*:|inset\s*:",
        "warning",
        "gap, inset and aspect-ratio: not in Outlook for Windows or older Gmail",
    ),
)

#: Looked for in the HTML around them.
HTML_RULES = (
    _rule(
        r"<(?:script|iframe|object|embed|form|input|button|select|textarea)\b",
        "error",
        "scripts, frames and forms are removed by every client",
    ),
    _rule(
        r"<(?:svg|picture|source|canvas)\b",
        "error",
        "svg, picture and canvas: not in Gmail or Outlook; use img with a PNG or JPEG",
    ),
    _rule(r"<(?:video|audio)\b", "error", "video and audio: in Apple Mail only; link to them"),
    _rule(r"<link\b", "error", "linked style sheets and fonts are not loaded; write the rules into the template"),
    _rule(r"<base\b", "error", "base is ignored; write absolute links"),
    _rule(r"""\sstyle\s*=\s*["']""", "error", "an inline style loses against !important in inlining; use a class"),
    _rule(r"""\son[a-z]+\s*=\s*["']""", "error", "event handlers are removed by every client"),
    _rule(
        r"<!\[if\b|<!\[endif\]>",
        "error",
        "this conditional comment is destroyed in inlining; begin it with <!--[if !mso]><!-->",
    ),
    _rule(
        r"""\ssrc\s*=\s*["'](?:http://|//)""",
        "warning",
        "a picture over plain http is blocked or marked by many clients; use https",
    ),
    _rule(
        r"""\s(?:src|href)\s*=\s*["'](?:/(?!/)|\./|\.\./)""",
        "error",
        "a relative address leads nowhere in a mail; write it whole",
    ),
    _rule(
        r"""\ssrc\s*=\s*["']data:""",
        "error",
        "pictures in the mail itself are not shown by Gmail and Outlook; link to a file",
    ),
    _rule(r"""\ssrcset\s*=""", "warning", "srcset: in Apple Mail only; the src is what is seen"),
)

_IMG = re.compile(r"<img\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_TABLE = re.compile(r"<table\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.IGNORECASE | re.DOTALL)
_JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_MSO = re.compile(r"<!--\[if (?!!mso)[^\]]*\]>.*?<!\[endif\]-->", re.DOTALL)
_WIDTH = re.compile(r"""\swidth\s*=\s*["']?\s*([^"'\s>]*)""", re.IGNORECASE)


def lint(template: str, site: Path | None = None) -> list[Finding]:
    """Every finding in the files of ``templates/email/<template>/`` and in the frame they extend.

    :raises RenderError: there is no such template.
    """
    folders = [*([site / "templates"] if site else []), packaged_templates()]
    names = [f"email/{template}/{part}" for part in PARTS] + [f"email/_base/{part}" for part in (*PARTS, "parts.html")]
    if not any((folder / names[1]).is_file() for folder in folders):
        raise RenderError(f'no template "{template}" in templates/email')
    findings: list[Finding] = []
    sources: dict[str, str] = {}
    env = confined_environment(folders)
    for name in names:
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            if name.startswith(f"email/{template}/"):
                findings.append(
                    Finding(name, 1, "error", "the file is missing; a template has subject.txt, body.html and body.txt")
                )
            continue
        source = path.read_text(encoding="utf-8", errors="replace")
        sources[name] = source
        try:
            env.parse(source)
        except TemplateSyntaxError as error:
            findings.append(Finding(name, error.lineno, "error", f"{error.message}"))
        except RecursionError:
            findings.append(Finding(name, 1, "error", "expressions or blocks are nested too deep to be read"))
        if name.endswith(".html"):
            findings += check_html(source, name)
    findings += _check_whole(template, sources)
    return sorted(set(findings))


def check_html(source: str, name: str) -> Iterator[Finding]:
    """The findings of one HTML template file."""
    blank = _blanked(_JINJA_COMMENT, source)
    if source.startswith("\ufeff"):
        yield Finding(name, 1, "error", "the file begins with a byte order mark; save it without")
    yield from _style_sheets(blank, name)
    # What only Outlook reads follows Outlook's rules, and expressions of Jinja are neither HTML nor CSS.
    markup = _blanked(_STYLE, _blanked(_MSO, blank))
    plain = _JINJA.sub(lambda found: re.sub(r"[^\n]", "J", found.group()), markup)
    yield from _matches(HTML_RULES, plain, name, 0, plain)
    for found in _IMG.finditer(plain):
        yield from _check_image(found.group(), name, _line(plain, found.start()))
    for found in _TABLE.finditer(plain):
        if "role=" not in found.group().lower():
            message = 'a table for layout needs role="presentation", or a screen reader reads it as data'
            yield Finding(name, _line(plain, found.start()), "warning", message)
    opened, closed = blank.count("<!--[if"), blank.count("<![endif]-->")
    if opened != closed:
        yield Finding(name, 1, "error", f"{opened} conditional comments are opened and {closed} closed")


def _style_sheets(source: str, name: str) -> Iterator[Finding]:
    # A child template's style blocks stand outside <style> elements.
    blocks = re.finditer(r"(\{%-?\s*block\s+(?:head_)?style\s*-?%\})(.*?)(\{%-?\s*endblock)", source, re.DOTALL)
    for found in (*_STYLE.finditer(_blanked(_MSO, source)), *blocks):
        css = re.sub(r"/\*.*?\*/", lambda c: re.sub(r"[^\n]", " ", c.group()), found.group(2), flags=re.DOTALL)
        css = _JINJA.sub(lambda c: re.sub(r"[^\n]", "0", c.group()), css)
        start = found.start(2)
        if len(css.encode("utf-8")) > MAX_STYLE:
            message = f"a style element of more than {MAX_STYLE} bytes is dropped by Gmail; split it"
            yield Finding(name, _line(source, start), "error", message)
        inlined = "data-premailer" not in found.group(1) and "head_style" not in found.group(1)
        yield from _matches((*CSS_RULES, _DROPPED) if inlined else CSS_RULES, css, name, start, source)


_DROPPED = _rule(
    r"@(?:font-face|supports|keyframes)\b",
    "error",
    'this rule is dropped in inlining; move it to block head_style or a <style data-premailer="ignore">',
)


def _matches(rules: tuple[Rule, ...], text: str, name: str, offset: int, source: str) -> Iterator[Finding]:
    for rule in rules:
        for found in rule.pattern.finditer(text):
            yield Finding(name, _line(source, offset + found.start()), rule.severity, rule.message)


def _check_image(tag: str, name: str, line: int) -> Iterator[Finding]:
    if not re.search(r"\salt\s*=", tag, re.IGNORECASE):
        yield Finding(
            name, line, "error", 'a picture without alt says nothing where pictures are off; write alt="" for ornament'
        )
    width = _WIDTH.search(tag)
    if width is None or not re.fullmatch(r"\d+|J+", width.group(1)):
        yield Finding(
            name, line, "error", "Outlook for Windows needs a width attribute in plain pixels on every picture"
        )


def _check_whole(template: str, sources: dict[str, str]) -> Iterator[Finding]:
    """What must stand somewhere in the template and the files it extends or imports."""
    for part in ("body.html", "body.txt"):
        name = f"email/{template}/{part}"
        if name not in sources:
            continue
        reached = _reached(name, sources)
        if not any(f"{name}.unsubscribe_url" in reached for name in ("subscriber", "reader")):
            yield Finding(
                name, 1, "error", "no unsubscribe link; write {{ subscriber.unsubscribe_url }} into the footer"
            )
        if part == "body.html":
            for needed, message in (
                ('name="color-scheme"', "no color-scheme meta: the dark colours are not used by Apple Mail"),
                ("prefers-color-scheme", "no dark colours: the client will invert yours as it likes"),
                ('name="viewport"', "no viewport meta: phones show the page small"),
                ("lang=", "no lang attribute: screen readers guess the language"),
                ("preheader", "no preheader: the inbox shows whatever stands first"),
            ):
                if needed not in reached:
                    yield Finding(name, 1, "warning", message)


def _reached(name: str, sources: dict[str, str]) -> str:
    seen: list[str] = []
    queue = [name]
    while queue:
        current = queue.pop()
        if current in seen or current not in sources:
            continue
        seen.append(current)
        queue += re.findall(r"\{%-?\s*(?:extends|import|include|from)\s+[\"']([^\"']+)[\"']", sources[current])
    return "".join(sources[item] for item in seen)


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    """What matches, as blanks: the lines keep their numbers."""
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
