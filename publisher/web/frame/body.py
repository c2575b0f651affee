"""An article's sanitised body, or a whole mail, made ready for our own pages.

A page makes no request to a third party: a picture or recording that does not stand on our origin (or on a
host that ``[web] image_hosts`` names) becomes a link that says where it leads. What stands under the
publication's ``base_url`` is addressed by path, so that it is found wherever the site is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

_LOADED = frozenset({"img", "audio", "video", "source", "track"})
#: What is wider than a telephone scrolls by itself, so the keyboard must reach it (WCAG 2.1.1).
_SCROLLED = frozenset({"pre", "table"})


class Origins:
    """Which addresses a page of ours may load from.

    :param base_url: the publication's public address.
    :param root: path prefix the pages are being served under (ASGI ``root_path``).
    :param hosts: other hosts that are allowed, with port where it is not the scheme's.
    """

    def __init__(self, base_url: str, root: str = "", hosts: Iterable[str] = ()) -> None:
        self._base = base_url.rstrip("/")
        self._root = root
        self._hosts = frozenset(hosts)

    def local(self, url: str) -> str | None:
        """The address to load ``url`` from, or ``None`` when it is a third party's."""
        if url == self._base or url.startswith(self._base + "/"):
            return self._root + (url[len(self._base) :] or "/")
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        return url if parts.scheme == "https" and parts.netloc in self._hosts else None


class _Localiser(HTMLParser):
    """Copies every token as it stands, except for elements that load something."""

    def __init__(self, origins: Origins) -> None:
        super().__init__(convert_charrefs=False)
        self._origins = origins
        self.out: list[str] = []
        self._dropped: list[str] = []
        self._open_links = 0
        self._whole = False  # a mail: a document, with tables for layout

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raw = self.get_starttag_text() or ""
        if tag == "a":
            self._open_links += 1
        if tag in _SCROLLED and "tabindex" not in raw and not self._whole:
            raw = f'<{tag} tabindex="0"{raw[len(tag) + 1 :]}'
        if tag not in _LOADED:
            self.out.append(raw)
            return
        values = {name: value or "" for name, value in attrs}
        source = values.get("src", "")
        local = self._origins.local(source) if source else None
        if source and local is None:
            self.out.append(self._link(tag, source, values))
            if tag in ("audio", "video"):
                self._dropped.append(tag)
            return
        if local is not None:
            values["src"] = local
        if tag == "img":
            values.setdefault("alt", "")
            values |= {"loading": "lazy", "decoding": "async"}
        if tag in ("audio", "video"):
            values |= {"controls": "", "preload": "none"}
        written = "".join(f' {name}="{escape(value)}"' for name, value in values.items())
        self.out.append(f"<{tag}{written}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open_links = max(self._open_links - 1, 0)
        if tag in self._dropped:
            self._dropped.remove(tag)
        else:
            self.out.append(f"</{tag}>")

    def _link(self, tag: str, source: str, values: dict[str, str]) -> str:
        try:
            parts = urlsplit(source)
        except ValueError:
            return ""
        label = values.get("alt") or values.get("title") or {"img": "Picture"}.get(tag, "Recording")
        text = f"{escape(label)} ({escape(parts.hostname or 'elsewhere')})"
        if self._open_links or parts.scheme not in ("http", "https"):
            return f"<span>{text}</span>"  # a link inside a link is not HTML
        return f'<a href="{escape(source)}" rel="nofollow noopener">{text}</a>'

    def handle_data(self, data: str) -> None:
        self.out.append(data)

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")

    # Only whole documents (mails) hold these.

    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._whole = True
        self.out.append(f"<!{decl}>")


def page_body(html: str, origins: Origins) -> str:
    """``html`` (already sanitised; a fragment or a document) with nothing in it that loads from a third party."""
    localiser = _Localiser(origins)
    localiser.feed(html)
    localiser.close()
    return "".join(localiser.out)
