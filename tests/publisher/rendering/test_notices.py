"""Notices: every one in every language, in the site's colours, and found by the name of its folder."""

import re

import pytest

from publisher.errors import RenderError
from publisher.rendering.colours import contrast
from publisher.rendering.digest_values import palette
from publisher.rendering.notices import notices, render_notice
from publisher.rendering.words import languages
from tests.factories import settings

URL = "https://slow.example/preferences/abc"


def write(site, path, text):
    file = site / "templates" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", notices())
def test_every_notice_speaks_every_language(tmp_path, name, language):
    shown = render_notice(settings(tmp_path), name, language, url=URL)
    assert shown.language == language
    assert "The Slow Post" in shown.subject
    assert URL in shown.text
    assert f'href="{URL}"' in shown.html
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in shown.html
    assert "{" not in shown.subject + shown.text
    assert all(len(line) <= 76 for line in shown.text.splitlines())


def test_three_notices_are_there_and_another_name_is_an_error(tmp_path):
    assert notices(tmp_path) == ("already", "confirm", "welcome")
    with pytest.raises(RenderError, match="already, confirm, welcome"):
        render_notice(settings(tmp_path), "farewell", "en")


def test_a_folder_is_all_that_a_notice_takes(tmp_path):
    write(tmp_path, "notice/farewell/subject.txt", "{{ words.subject }}")
    write(tmp_path, "notice/farewell/body.txt", '{% extends "notice/body.txt" %}')
    write(tmp_path, "notice/farewell/body.html", '{% extends "notice/body.html" %}')
    write(
        tmp_path,
        "words/en.toml",
        '[notice.farewell]\nsubject = "Goodbye from {name}"\ntitle = "Goodbye"\nlead = "{name} was good to send."\n',
    )
    assert "farewell" in notices(tmp_path)
    shown = render_notice(settings(tmp_path), "farewell", "it")
    assert shown.subject == "Goodbye from The Slow Post"
    assert "The Slow Post was good to send." in shown.text
    assert "<h1" not in shown.html
    assert 'class="button"' not in shown.html


def test_a_layout_that_a_site_wrote_for_the_first_version_still_works(tmp_path):
    write(tmp_path, "notice/body.html", '<a style="background:{{ light }};color:{{ on_light }}">{{ words.button }}</a>')
    shown = render_notice(settings(tmp_path, design={"accent": "#8a1c1c"}), "welcome", "en", url=URL)
    assert shown.html == '<a style="background:#8a1c1c;color:#ffffff">Choose what you receive</a>'


@pytest.mark.parametrize(
    "design",
    [
        {},
        {"ground": "#102030", "ink": "#f0f0f0", "ground_dark": "#000000"},
        {"ground": "#ffd0d0", "accent": "#ffff00", "accent_dark": "#000080"},
    ],
)
def test_notices_take_the_colours_that_digests_take(tmp_path, design):
    given = settings(tmp_path, design=design)
    html = render_notice(given, "welcome", "en", url=URL, leave_url=URL).html
    light = palette(given.design.ground, given.design.ink, given.design.accent)
    dark = palette(given.design.ground_dark, given.design.ink_dark, given.design.accent_dark)
    assert f"background:{light['ground']}" in html
    assert f".ground {{ background: {dark['ground']}" in html
    used = set(re.findall(r"#[0-9a-f]{6}", html))
    assert used <= {*light.values(), *dark.values()}
    assert contrast(light["link"], light["on_accent"]) >= 4.5
