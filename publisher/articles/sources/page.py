"""``page``: the plain text of an article's page as a browser saves it (``.txt``, UTF-8).

::

    lines ─→ headline, standfirst │ date │ share targets │ paragraphs and sub-heads │ Related Articles
             (advertisement markers are dropped wherever they stand)

Nothing in such a file says what a line is, so its place and its form do. A date or a line of share targets
ends the head; the words *Related Articles* end the body. A sub-head is one short sentence among longer
paragraphs and stands directly above one (:func:`find_subheads`). A part that is not there is left out, with a
warning that names it.
"""

from __future__ import annotations

import html as _html
import re
import statistics
from dataclasses import dataclass
from datetime import date

from publisher.articles.documents import Document, Problem
from publisher.articles.sources._bodies import defaults, sentences, summarise
from publisher.articles.sources._dates import parse_day, parse_instant
from publisher.articles.sources._files import FileSource
from publisher.errors import HostileContent, SourceError
from publisher.lib.sanitise import MAX_BYTES, sanitise_html
from publisher.lib.text import one_line, shorten
from publisher.model import Author, RelatedArticle

MAX_RELATED = 200
#: A head has a headline, a standfirst, a byline, a date and the share targets; no date is looked for below.
MAX_HEAD_LINES = 10
#: A sub-head is no longer than this in code points, and than this part of the page's usual paragraph.
MAX_SUBHEAD = 160
SUBHEAD_SHARE = 0.5
#: A lone line above the date that is longer than this is a standfirst whose headline is missing.
MAX_HEADLINE = 180
MAX_STANDFIRST = 400

_ADVERTISEMENT = re.compile(
    r"\W*(?:advertise?ments?|advertising|ad|sponsored|anzeige|werbung|pubblicità|publicité|publicidad|إعلان)\W*",
    re.IGNORECASE,
)
#: Speech, a lead-in to a list, an item of one.
_NO_SUBHEAD = re.compile("^[\"'“”„«»‘—–•*·-]|[:,;]$")
_RELATED = re.compile(
    r"(?:related|more)\s+(?:articles?|stories|posts?|reading|content|news)|related|read\s+(?:next|more|also)|see\s+also"
    r"|you\s+may\s+also\s+like",
    re.IGNORECASE,
)
_DATED = re.compile(r"(?:(?:first\s+)?(?:published|posted|updated)(?:\s+on)?|date)\s*:?\s+(?P<rest>.+)", re.IGNORECASE)
_BYLINE = re.compile(r"by\s+(?P<name>[^.!?]{2,80})", re.IGNORECASE)
_SHARE_LABEL = re.compile(
    r"(?:share(?:\s+(?:this|on|via|article))*|teilen|condividi|partager|compartir)\s*:?\s*", re.IGNORECASE
)
_SHARE = {
    "facebook": "facebook", "x": "x", "twitter": "x", "x (twitter)": "x", "reddit": "reddit", "mastodon": "mastodon",
    "bluesky": "bluesky", "linkedin": "linkedin", "threads": "threads", "telegram": "telegram", "whatsapp": "whatsapp",
    "hacker news": "hackernews", "hackernews": "hackernews", "pinterest": "pinterest", "email": "email",
    "e-mail": "email", "mail": "email", "copy link": "", "copy": "", "print": "", "link": "",
}  # fmt: skip
_SHARE_WORD = re.compile(
    rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, _SHARE), key=len, reverse=True))})(?!\w)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    number: int  # 1-based, in the file


@dataclass(frozen=True, slots=True)
class Page:
    """The parts of one page; what is not there is empty."""

    headline: str = ""
    standfirst: str = ""
    byline: str = ""
    day: date | None = None
    targets: tuple[str, ...] = ()
    body: tuple[tuple[str, str], ...] = ()  # ("p" or "h2", text)
    related: tuple[RelatedArticle, ...] = ()
    warnings: tuple[tuple[int | None, str], ...] = ()


class Source(FileSource):
    suffixes = (".txt",)

    def parse(self, text: str, path: str) -> tuple[Document, list[Problem]]:
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise HostileContent(f"the text is larger than {MAX_BYTES // 1024} KB; split it")
        page = read_page(text, self.settings.language or self.publication.language)
        problems = [Problem(path, line, reason) for line, reason in page.warnings]
        html = "\n".join(f"<{tag}>{_html.escape(words, quote=False)}</{tag}>" for tag, words in page.body)
        html = sanitise_html(html, base_url=self.base_url, path=path)
        title = page.headline or shorten(summarise(html), 120)
        if not title:
            raise SourceError("it holds no text; save the page again, as plain text")
        authors, section, tags, language = defaults(
            self.settings, authors=(Author(page.byline),) if page.byline else (), section="", tags=(), language=""
        )
        document = Document(
            path=path,
            title=shorten(title, 300),
            html=html,
            summary=shorten(page.standfirst, 2_000),
            published=parse_instant(page.day.isoformat(), self.publication.timezone) if page.day else None,
            authors=authors,
            section=section,
            tags=tags,
            language=language,
            share_targets=page.targets,
            related=page.related,
            derived=frozenset() if page.headline else frozenset({"title"}),
        )
        return document, problems


def read_page(text: str, language: str = "en") -> Page:
    """Tell the parts of a page apart. Pure; ``language`` names the months beside English ones."""
    lines = [Line(one_line(line), number) for number, line in enumerate(text.split("\n"), 1)]
    lines = [line for line in lines if line.text and not _ADVERTISEMENT.fullmatch(line.text)]
    above, below = _split_related(lines, language)
    head, body = _split_head(above, language)
    if not below:
        body, below = _split_trailing_pairs(body, language)
    headline, standfirst = _headline_and_standfirst([line.text for line in head.lines])
    related, odd = _related(below, language)
    parts = (
        (headline, "headline", "the first words of the text stand in for it"),
        (standfirst, "standfirst", "the article has no summary"),
        (head.day, "date", "the moment it is first published stands in for it"),
        (head.targets, "line of share targets", "the publication's are offered"),
        (body, "paragraphs", "the article has no text"),
        (related, "related articles", "none are shown"),
    )
    missing = tuple((None, f"the page has no {name}; {instead}") for value, name, instead in parts if not value)
    return Page(
        headline=headline,
        standfirst=standfirst,
        byline=head.byline,
        day=head.day,
        targets=head.targets,
        body=find_subheads([line.text for line in body]),
        related=related,
        warnings=(*missing, *odd),
    )


def find_subheads(texts: list[str]) -> tuple[tuple[str, str], ...]:
    """Each line of a body with its tag, ``p`` or ``h2``. Pure.

    A sub-head is one sentence, at most :data:`MAX_SUBHEAD` long and at most :data:`SUBHEAD_SHARE` of the usual
    paragraph, is no speech and no lead-in, and stands directly above a paragraph: of several short lines in a
    row, only the last can be one.
    """
    if not texts:
        return ()
    lengths = sorted(len(text) for text in texts)
    several = [len(text) for text in texts if len(sentences(text)) > 1]
    usual = statistics.median(several or lengths[len(lengths) // 2 :])
    short = [
        len(text) <= min(MAX_SUBHEAD, usual * SUBHEAD_SHARE)
        and not _NO_SUBHEAD.search(text)
        and len(sentences(text)) == 1
        for text in texts
    ]
    return tuple(
        ("h2" if short[index] and index + 1 < len(texts) and not short[index + 1] else "p", text)
        for index, text in enumerate(texts)
    )


def share_targets(line: str) -> tuple[str, ...] | None:
    """The kinds that a line of nothing but share targets names, or ``None`` when it says anything else."""
    rest = _SHARE_LABEL.sub("", line, count=1) if _SHARE_LABEL.match(line) else line
    names = _SHARE_WORD.findall(rest)
    if not names or re.sub(r"[\s|,/·•–-]+", "", _SHARE_WORD.sub("", rest)):
        return None
    return tuple(dict.fromkeys(kind for kind in (_SHARE[name.casefold()] for name in names) if kind))


@dataclass(frozen=True, slots=True)
class _Head:
    lines: list[Line]
    byline: str = ""
    day: date | None = None
    targets: tuple[str, ...] = ()


def _day_of(line: Line, language: str) -> date | None:
    if len(line.text) > 80:
        return None
    dated = _DATED.fullmatch(line.text)
    return parse_day(dated["rest"] if dated else line.text, language)


def _split_head(lines: list[Line], language: str) -> tuple[_Head, list[Line]]:
    """What stands above the body, and the body. The date and the share targets are the fence between them."""
    near = range(min(MAX_HEAD_LINES, len(lines)))
    dated = next((index for index in near if _day_of(lines[index], language)), None)
    shared = [index for index in near if share_targets(lines[index].text) is not None]
    # Saved with one target a line: they follow each other.
    run = [index for index in shared if index - shared[0] == shared.index(index)]
    fences = ([] if dated is None else [dated]) + run
    if fences:
        end = max(fences) + 1
        above = [line for index, line in enumerate(lines[:end]) if index not in fences]
    else:
        end = 1
        if len(lines) > 2 and len(sentences(lines[1].text)) == 1 and len(lines[1].text) <= MAX_STANDFIRST:
            end = 2
        above = lines[:end]
    byline = next((found for line in above[1:] if (found := _BYLINE.fullmatch(line.text))), None)
    targets = dict.fromkeys(kind for index in run for kind in share_targets(lines[index].text) or ())
    head = _Head(
        lines=[line for line in above if byline is None or line.text != byline[0]],
        byline=byline["name"].strip() if byline else "",
        day=None if dated is None else _day_of(lines[dated], language),
        targets=tuple(targets),
    )
    return head, lines[end:]


def _headline_and_standfirst(head: list[str]) -> tuple[str, str]:
    if len(head) == 1 and len(head[0]) > MAX_HEADLINE:
        return "", head[0]
    return (head[0], " ".join(head[1:])) if head else ("", "")


def _split_related(lines: list[Line], language: str) -> tuple[list[Line], list[Line]]:
    """Cut at the heading of the related articles: one below which a date follows soon, or nothing at all."""
    for index, line in enumerate(lines):
        if _RELATED.fullmatch(line.text.rstrip(" :")):
            following = lines[index + 1 : index + 4]
            if not following or any(_day_of(other, language) for other in following):
                return lines[:index], lines[index + 1 :]
    return lines, []


def _split_trailing_pairs(body: list[Line], language: str) -> tuple[list[Line], list[Line]]:
    """Pairs of text and date at the very end are related articles, though their heading is missing."""
    begin = len(body)
    while begin >= 2 and _day_of(body[begin - 1], language) and not _day_of(body[begin - 2], language):
        begin -= 2
    return body[:begin], body[begin:]


def _related(lines: list[Line], language: str) -> tuple[tuple[RelatedArticle, ...], tuple[tuple[int | None, str], ...]]:
    found: list[RelatedArticle] = []
    odd: list[tuple[int | None, str]] = []
    waiting: Line | None = None
    for line in [*lines, None]:
        day = _day_of(line, language) if line else None
        if line and day and waiting is None:
            odd.append((line.number, "a date among the related articles has no text above it; it is left out"))
            continue
        if waiting is not None:
            found.append(RelatedArticle(shorten(waiting.text, 1_000), day))
            if day is None:
                odd.append((waiting.number, "a related article has no date; it is shown without one"))
        waiting = None if day else line
    if len(found) > MAX_RELATED:
        odd.append((None, f"the page has {len(found)} related articles; the first {MAX_RELATED} are kept"))
    return tuple(found[:MAX_RELATED]), tuple(odd)
