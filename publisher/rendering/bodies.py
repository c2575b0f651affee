"""An article's sanitised body, made fit for mail clients and for the text part.

Mail clients know HTML of twenty years ago: headings start below the article's title, pictures get a numeric
width that fits the column, what cannot be shown (video, forms, vector drawings) gives way to a link or to
nothing. The text part is wrapped at 72 columns, its links numbered and listed at the end.
"""

from __future__ import annotations

import re
import textwrap
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from publisher.lib.text import one_line, strip_tags

COLUMNS = 72


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What may stand in a mail's body, with the attributes that may stand on it.
_KEPT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        _names(
            "p br hr em i strong b u s del ins sub sup small mark code kbd samp pre blockquote cite q abbr ul li "
            "dl dt dd table thead tbody tfoot tr caption figure figcaption h3 h4 h5 span div"
        ),
        (),
    ),
    "ol": ("start",),
    "th": ("colspan", "rowspan"),
    "td": ("colspan", "rowspan"),
    "a": ("href", "title"),
    "img": ("src", "alt", "width", "height"),
}
_DROPPED = _names(
    "script style iframe object embed svg math canvas form input button select textarea template noscript "
    "source track map area head title meta link base"
)
_HEADINGS = {"h1": "h3", "h2": "h3", "h3": "h4", "h4": "h4", "h5": "h5", "h6": "h5"}


def mail_html(body: str, *, base_url: str, width: int) -> str:
    """The body for the HTML part.

    :param base_url: what relative links of the body are relative to.
    :param width: of the column, in CSS pixels; wider pictures are scaled down.
    """
    root = _parsed(body)
    if root is None:
        return ""
    for element in list(root.iter()):
        if element is root:
            continue
        if not isinstance(element.tag, str) or element.tag in _DROPPED:
            _remove(element)
            continue
        if element.tag in ("video", "audio"):
            _media_to_link(element)
        element.tag = _HEADINGS.get(element.tag, element.tag)
        allowed = _KEPT.get(element.tag)
        if allowed is None:
            element.drop_tag()
            continue
        for name in list(element.attrib):
            if name not in allowed:
                del element.attrib[name]
        if element.tag == "img":
            _fit_image(element, width, base_url)
        elif element.tag == "a":
            _absolute(element, base_url)
    return _inside(root).strip()


def mail_text(body: str, *, base_url: str) -> str:
    """The body for the text part: at most 72 columns (an address may be longer), links as ``[1]`` with a list."""
    root = _parsed(body)
    if root is None:
        return ""
    links: list[str] = []
    blocks = _blocks(root, links, base_url, COLUMNS)
    if links:
        blocks.append("\n".join(f"[{number}] {link}" for number, link in enumerate(links, start=1)))
    return "\n\n".join(block for block in blocks if block.strip())


def wrap(text: str, columns: int = COLUMNS, *, first: str = "", rest: str = "") -> str:
    """One paragraph, wrapped; words (and so addresses) are never cut."""
    return textwrap.fill(
        one_line(text),
        columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _parsed(body: str) -> html.HtmlElement | None:
    if not body.strip():
        return None
    try:
        return html.fragment_fromstring(body, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        # Already sanitised, so this is no attack; the words are what must not be lost.
        element = html.Element("div")
        paragraph = etree.SubElement(element, "p")
        paragraph.text = strip_tags(body)
        return element


def _inside(root: html.HtmlElement) -> str:
    parts = [_escaped(root.text or "")]
    parts += [etree.tostring(child, method="html", encoding="unicode") for child in root]
    return "".join(parts)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _remove(element: html.HtmlElement) -> None:
    parent = element.getparent()
    if parent is None:
        return
    tail = element.tail or ""
    previous = element.getprevious()
    if previous is not None:
        previous.tail = (previous.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    element.tail = None
    parent.remove(element)


def _media_to_link(element: html.HtmlElement) -> None:
    source = element.get("src") or next((child.get("src") for child in element.iter("source") if child.get("src")), "")
    for child in list(element):
        _remove(child)
    element.attrib.clear()
    if source:
        element.tag = "a"
        element.set("href", source)
        element.text = source
    else:
        element.tag = "span"
        element.text = ""


def _absolute(element: html.HtmlElement, base_url: str) -> None:
    target = urljoin(base_url, element.get("href", ""))
    if urlsplit(target).scheme in ("http", "https", "mailto"):
        element.set("href", target)
    else:
        element.drop_tag()


def _fit_image(element: html.HtmlElement, column: int, base_url: str) -> None:
    source = urljoin(base_url, element.get("src", ""))
    if urlsplit(source).scheme not in ("http", "https", "data"):
        _remove(element)
        return
    width, height = _pixels(element.get("width")), _pixels(element.get("height"))
    if 1 <= width <= 2 or 1 <= height <= 2:
        _remove(element)  # a counting pixel: it shows nothing and reports who opened the mail
        return
    shown, scaled = fitted(width, height, column)
    alt = element.get("alt", "")
    element.attrib.clear()
    for name, value in (("src", source), ("alt", alt), ("width", str(shown)), ("height", str(scaled or ""))):
        if value or name == "alt":
            element.set(name, value)


def fitted(width: int, height: int, column: int) -> tuple[int, int]:
    """Width and height (0: unknown) of a picture in a column; Outlook needs the number."""
    if not 0 < width <= column:
        return column, round(height * column / width) if width and height else 0
    return width, height


def _pixels(value: str | None) -> int:
    found = re.fullmatch(r"\s*(\d{1,5})(?:px)?\s*", value or "")
    return int(found.group(1)) if found else 0


_BLOCKS = _names(
    "p div h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre figure figcaption table hr section article "
    "header footer main aside address caption thead tbody tfoot tr"
)


def _blocks(root: html.HtmlElement, links: list[str], base_url: str, columns: int) -> list[str]:
    blocks: list[str] = []
    run: list[str] = []

    def close() -> None:
        for line in "".join(run).split("\v"):
            if line.strip():
                blocks.append(wrap(line, columns))
        run.clear()

    run.append(root.text or "")
    for child in root:
        if isinstance(child.tag, str):
            if child.tag in _BLOCKS:
                close()
                blocks.extend(_block(child, links, base_url, columns))
            else:
                run.append(_inline(child, links, base_url))
        run.append(child.tail or "")
    close()
    return blocks


def _block(element: html.HtmlElement, links: list[str], base_url: str, columns: int) -> list[str]:
    tag = element.tag
    if tag == "hr":
        return ["* * *"]
    if tag == "pre":
        return [textwrap.indent(element.text_content().strip("\n"), "    ")]
    if tag == "blockquote":
        return ["\n>\n".join(textwrap.indent(b, "> ") for b in _blocks(element, links, base_url, max(columns - 2, 20)))]
    if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
        title = wrap(_inline(element, links, base_url), columns)
        return [f"{title}\n{'-' * min(columns, max(map(len, title.splitlines()), default=0))}"] if title else []
    if tag in ("ul", "ol"):
        return ["\n".join(_items(element, links, base_url, columns))]
    if tag == "table":
        rows = [
            " | ".join(one_line(_inline(cell, links, base_url)) for cell in row if isinstance(cell.tag, str))
            for row in element.iter("tr")
            if next(row.iterancestors("table")) is element  # the rows of a table in a cell belong to the cell
        ]
        return ["\n".join(wrap(row, columns, rest="  ") for row in rows if row.strip(" |"))]
    return _blocks(element, links, base_url, columns)


def _items(element: html.HtmlElement, links: list[str], base_url: str, columns: int) -> list[str]:
    items: list[str] = []
    start = element.get("start", "1")
    number = int(start) if start.isdecimal() and len(start) < 6 else 1
    for child in element:
        if child.tag != "li":
            continue
        mark = f"{number}. " if element.tag == "ol" else "- "
        number += 1
        inner = "\n".join(_blocks(child, links, base_url, max(columns - len(mark), 20)))
        items.append(mark + textwrap.indent(inner, " " * len(mark)).lstrip())
    return items


def _inline(element: html.HtmlElement, links: list[str], base_url: str) -> str:
    if element.tag in _DROPPED:
        return ""
    if element.tag == "br":
        return "\v"
    if element.tag == "img":
        alt = one_line(element.get("alt", ""))
        return f"[{alt}]" if alt else ""
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str):
            apart = " " if child.tag in _BLOCKS else ""
            parts += (apart, _inline(child, links, base_url), apart)
        parts.append(child.tail or "")
    text = "".join(parts)
    if element.tag == "a":
        target = urljoin(base_url, element.get("href", ""))
        if urlsplit(target).scheme in ("http", "https", "mailto") and one_line(text) != target:
            if target not in links:
                links.append(target)
            text = f"{text.rstrip()} [{links.index(target) + 1}]"
    return text
