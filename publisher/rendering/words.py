"""Words of pages, notices and the frame of digests: one file a language, found by its file name.

::

    templates/words/de.toml        ours      ┐
    SITE/templates/words/de.toml   the site's├─→ words_of("de", site).phrase("list.count")
    templates/words/en.toml        ours      │   the nearest file that has the key: the site's before ours,
    SITE/templates/words/en.toml   the site's┘   the language's before English
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from markupsafe import escape

from publisher.errors import RenderError
from publisher.lib.languages import is_language_tag, normalised
from publisher.rendering.templates import packaged_templates

#: What every other language falls back to; complete.
ENGLISH = "en"
#: CLDR's plural categories. A table whose keys are all among these is one phrase.
CATEGORIES = frozenset({"zero", "one", "two", "few", "many", "other"})
#: The key of a language's name in itself.
AUTONYM = "autonym"
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One text, or the forms of a count.

    ``language`` is the one whose plural rule chooses: English where the phrase fell back.
    """

    forms: Mapping[str, str]
    language: str

    def form(self, count: int | None = None) -> str:
        """The text; for ``count`` things, where it has forms."""
        if count is None or len(self.forms) == 1:
            return self.forms["other"]
        return self.forms.get(locale_of(self.language).plural_form(count), self.forms["other"])

    def filled(self, values: Mapping[str, str], count: int | None = None) -> str:
        """The text with each ``{name}`` replaced once; a name that is not given stays as it stands."""
        return _PLACE.sub(lambda place: values.get(place[1], place[0]), self.form(count))

    def escaped(self) -> Phrase:
        """For HTML: the words escaped, the places left."""
        return Phrase({category: str(escape(text)) for category, text in self.forms.items()}, self.language)


@dataclass(frozen=True, slots=True)
class Words:
    """All words of one language, by dotted key."""

    language: str
    phrases: Mapping[str, Phrase]

    def phrase(self, key: str) -> Phrase:
        """:raises RenderError: no file has the key, not even English."""
        try:
            return self.phrases[key]
        except KeyError:
            raise RenderError(f'templates/words/{self.language}.toml and en.toml have no "{key}"') from None

    def table(self, name: str) -> dict[str, str]:
        """The plain texts of one table, such as ``digest`` or ``notice.confirm``."""
        start = f"{name}."
        found = {key.removeprefix(start): phrase for key, phrase in self.phrases.items() if key.startswith(start)}
        return {key: phrase.form() for key, phrase in found.items() if "." not in key}


def locale_of(language: str) -> Locale:
    """Babel's locale nearest to a BCP 47 tag; English where it knows none."""
    parts = language.split("-")
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("-".join(parts[:length]), sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale(ENGLISH)


def languages(site: Path | None = None) -> dict[str, str]:
    """The languages there are, with their own names; English first, then by tag.

    The file's ``autonym`` is the name, else Babel's, else the tag itself.
    """
    return {tag: _autonym(tag, site) for tag in known_tags(site)}


def known_tags(site: Path | None = None) -> tuple[str, ...]:
    """The languages there are, as their files are named; English first."""
    tags = {path.stem for folder in _folders(site) for path in folder.glob("*.toml") if is_language_tag(path.stem)}
    return tuple(sorted(tags, key=lambda tag: (tag != ENGLISH, tag)))


def words_of(language: str, site: Path | None = None) -> Words:
    """The words of ``language``, a file's name; what it lacks is English.

    :param site: the site's directory; its own files are asked before ours.
    :raises RenderError: a file is no TOML, or holds something that is no text; names the file.
    """
    files = [folder / f"{tag}.toml" for tag in (ENGLISH, language) for folder in reversed(_folders(site))]
    return _merged(language, tuple((file, file.stat().st_mtime_ns) for file in files if file.is_file()))


def _folders(site: Path | None) -> list[Path]:
    folders = [packaged_templates() / "words"]
    return folders if site is None else [site / "templates" / "words", *folders]


def _autonym(tag: str, site: Path | None) -> str:
    named = words_of(tag, site).phrases.get(AUTONYM)
    if named is not None and (named.language == tag or tag == ENGLISH):
        return named.form()
    locale = locale_of(normalised(tag))
    return (locale.get_display_name(locale) or tag) if locale.language == tag.partition("-")[0] else tag


@lru_cache(maxsize=64)
def _merged(language: str, files: tuple[tuple[Path, int], ...]) -> Words:
    """``files`` from the last asked to the first, each with the instant of its last change: then it is read again."""
    phrases: dict[str, Phrase] = {}
    for file, _ in files:
        phrases |= read_words(file)
    return Words(language, phrases)


def read_words(file: Path) -> dict[str, Phrase]:
    """What one file says, by dotted key.

    :raises RenderError: it is no TOML, or holds something that is no text; names the file.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RenderError(f"words {file}: {error}") from None
    found: dict[str, Phrase] = {}
    waiting: list[tuple[str, object]] = list(data.items())
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            found[key] = Phrase({"other": value}, file.stem)
        elif not isinstance(value, dict):
            raise RenderError(f'words {file}: "{key}" is no text')
        elif "other" in value and value.keys() <= CATEGORIES and all(isinstance(one, str) for one in value.values()):
            found[key] = Phrase(value, file.stem)
        else:
            waiting += [(f"{key}.{name}", one) for name, one in value.items()]
    return found
