"""``markdown``: files of CommonMark with YAML front matter (``.md``, ``.markdown``).

::

    text ─ split ─→ front matter ─→ fields
                 └→ body ─ CommonMark, tables, strike-through ─→ tokens ─→ HTML ─ sanitised ─→ Document

The title is the front matter's, else the first heading; the summary is the front matter's, else the first
sentences. Headings move down one level where the body holds one of the first: the title is that one.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.token import Token

from publisher.articles.documents import Document, Problem
from publisher.articles.sources._bodies import defaults, summarise
from publisher.articles.sources._fields import Fields
from publisher.articles.sources._files import FileSource
from publisher.articles.sources._keys import MAX_TITLE
from publisher.articles.sources._yaml import split
from publisher.errors import HostileContent, SourceError
from publisher.lib.sanitise import MAX_BYTES, sanitise_html
from publisher.lib.text import one_line, scrub, shorten, strip_tags

#: Raw HTML passes here; the sanitiser judges it.
_COMMONMARK = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Source(FileSource):
    suffixes = (".md", ".markdown")

    def parse(self, text: str, path: str) -> tuple[Document, list[Problem]]:
        matter, body, first_line = split(text)
        fields = Fields(
            matter,
            path=path,
            base_url=self.base_url,
            timezone=self.publication.timezone,
            month_language=self.settings.language or self.publication.language,
            site=self.site,
        )
        title, html = self._body(body, fields.title(), path, first_line)
        if not title:
            raise SourceError('it has no title; add "title: …" to the front matter, or a heading', line=1)
        if not html:
            fields.warn(first_line, "it has a title but no text")
        published, updated = fields.instant("date"), fields.instant("updated")
        draft = fields.flag("draft")
        if published is None and not draft:
            reason = 'it has no date; the moment it is first published stands in; add "date: YYYY-MM-DD"'
            fields.warn(1, reason)
        elif published and updated and updated < published:
            fields.warn(fields.line("updated"), "updated is earlier than date; it is left out")
            updated = None
        authors, section, tags, language = defaults(
            self.settings,
            authors=fields.authors(),
            section=fields.section(),
            tags=fields.words("tags"),
            language=fields.language(),
        )
        document = Document(
            path=path,
            title=title,
            html=html,
            summary=(summary := fields.summary()) or summarise(html),
            published=published,
            updated=updated,
            explicit_id=fields.identifier(),
            slug=fields.slug(),
            canonical_url=fields.url("canonical_url"),
            authors=authors,
            section=section,
            tags=tags,
            image=fields.image(),
            enclosures=fields.enclosures(),
            language=language,
            share_targets=fields.targets(),
            post_texts=fields.posts(),
            draft=draft,
            files=tuple(sorted(fields.files.items())),
            derived=frozenset() if summary else frozenset({"summary"}),
        )
        return document, fields.problems

    def _body(self, body: str, title: str, path: str, first_line: int) -> tuple[str, str]:
        """The title (the first heading's where ``title`` is empty) and the sanitised HTML."""
        if len(body.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise HostileContent(f"the text is larger than {MAX_BYTES // 1024} KB; split it", line=first_line)
        tokens = _COMMONMARK.parse(scrub(body))
        heading = next((index for index, token in enumerate(tokens) if token.type == "heading_open"), None)
        if heading is not None:
            words = self._words(tokens[heading + 1])
            repeated = tokens[0].tag == "h1" and words.casefold() == title.casefold()
            if heading == 0 and (not title or repeated):
                del tokens[:3]  # it is the title: shown above the text, not twice
            title = title or shorten(words, MAX_TITLE)
        _lower_headings(tokens)
        _align_cells(tokens)
        html = _COMMONMARK.renderer.render(tokens, _COMMONMARK.options, {})
        return title, sanitise_html(html, base_url=self.base_url, path=path, line=first_line).strip()

    def _words(self, inline: Token) -> str:
        html = _COMMONMARK.renderer.render(inline.children or [], _COMMONMARK.options, {})
        return one_line(strip_tags(sanitise_html(html, base_url=self.base_url)))


def _lower_headings(tokens: list[Token]) -> None:
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    if any(token.tag == "h1" for token in headings):
        for token in headings:
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"


def _align_cells(tokens: list[Token]) -> None:
    """Alignment as an attribute: the sanitiser lets no ``style`` through."""
    for token in tokens:
        style = token.attrs.pop("style", None) if token.type in ("th_open", "td_open") else None
        if isinstance(style, str):
            token.attrs["align"] = style.removeprefix("text-align:")
