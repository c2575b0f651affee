"""Notices, the mails of ours that are no digest: one folder each of ``templates/notice``, found by its name.

::

    templates/notice/<name>/  subject.txt  body.html  body.txt      the words: table notice.<name> of templates/words

Nothing that came from a form stands in them: whoever types a stranger's address sends that stranger only our
own sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment

from publisher.errors import RenderError
from publisher.rendering.bodies import wrap
from publisher.rendering.colours import palette
from publisher.rendering.languages import Speech, speech_for
from publisher.rendering.templates import environment, packaged_templates, render
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class RenderedNotice:
    """One notice in one language, ready to be put into a message."""

    subject: str
    text: str
    html: str
    language: str


class _Palette(dict[str, str]):
    """The colours of one scheme. In 0.1 ``light`` and ``dark`` were the link's colour alone; as text they still are."""

    def __str__(self) -> str:
        return self["link"]


def notices(site: Path | None = None) -> tuple[str, ...]:
    """The names of all notices, ours and the site's, sorted."""
    folders = [packaged_templates(), *([site / "templates"] if site else [])]
    return tuple(sorted({path.parent.name for folder in folders for path in folder.glob("notice/[!_]*/body.html")}))


def render_notice(
    settings: Settings, name: str, language: str, *, url: str = "", leave_url: str = ""
) -> RenderedNotice:
    """The notice ``name``, with its one button leading to ``url``.

    :param language: the subscriber's; the publication's, then English, where there are no words of it.
    :raises RenderError: there is no such notice, or the site's own template failed.
    """
    known = notices(settings.directory)
    if name not in known:
        raise RenderError(f'no notice "{name}" in templates/notice; there are: {", ".join(known)}')
    speech = speech_for(language, settings.publication.language, settings.directory)
    values = _values(settings, speech, name, url, leave_url)
    words = {key: wrap(text, first="", rest="") for key, text in _words(settings, speech, name).items()}
    env = _environment(settings.directory)
    return RenderedNotice(
        " ".join(render(env, f"notice/{name}/subject.txt", values).split()),
        render(env, f"notice/{name}/body.txt", values | {"words": words}),
        render(env, f"notice/{name}/body.html", values),
        speech.language,
    )


def _words(settings: Settings, speech: Speech, name: str) -> dict[str, str]:
    found = speech.vocabulary.table(f"notice.{name}")
    words = {key: text.replace("{name}", settings.publication.title) for key, text in found.items()}
    return words | {"leave": speech.words["unsubscribe"]}


def _values(settings: Settings, speech: Speech, name: str, url: str, leave_url: str) -> dict[str, object]:
    design = settings.design
    light = _Palette(palette(design.ground, design.ink, design.accent))
    dark = _Palette(palette(design.ground_dark, design.ink_dark, design.accent_dark))
    return {
        "words": _words(settings, speech, name),
        "url": url,
        "leave_url": leave_url,
        "publication": settings.publication.title,
        "base_url": settings.publication.base_url,
        "postal_address": settings.sender.postal_address,
        "language": speech.language,
        "direction": speech.direction,
        "start": "right" if speech.direction == "rtl" else "left",
        # Checked by the settings to hold nothing that could end a declaration; inside an attribute " is escaped.
        "font": design.font_body,
        "font_heading": design.font_heading,
        "light": light,
        "on_light": light["on_accent"],
        "dark": dark,
        "on_dark": dark["on_accent"],
    }


@lru_cache(maxsize=4)
def _environment(site: Path) -> ImmutableSandboxedEnvironment:
    return environment(site)
