"""The preview shows the real message, and is harmless itself."""

import re
from html import unescape

import pytest
from lxml import html as lxml_html

from publisher.digests.preview import preview, preview_page, trial_message
from publisher.errors import DeliveryError, RenderError
from publisher.rendering import pictures
from publisher.rendering.pictures import in_scheme
from tests.golden_editions import golden_editions
from tests.publisher.digests import digest_example as example


@pytest.fixture(scope="module")
def shown():
    return preview(example.edition(), example.settings(), date=example.DAY)


def test_the_page_shows_the_real_message_at_three_widths_in_both_schemes(shown):
    page = lxml_html.document_fromstring(preview_page(shown))
    frames = page.cssselect("iframe") if hasattr(page, "cssselect") else page.findall(".//iframe")
    assert sorted(int(frame.get("width")) for frame in frames) == [320, 320, 600, 600, 1200, 1200]
    assert all(
        set(frame.get("sandbox").split()) <= {"allow-popups", "allow-popups-to-escape-sandbox"} for frame in frames
    )
    assert all("The harbour at dawn, part 1" in frame.get("srcdoc") for frame in frames)


def test_the_page_shows_text_headers_size_and_lint(shown):
    page = unescape(preview_page(shown))
    assert shown.text.splitlines()[0] in page
    for name, value in shown.headers:
        assert name in page
        assert value.split()[0] in page
    assert "KB of 100 KB" in page
    assert "The lint has found nothing" in page


def test_the_page_needs_nothing_from_anywhere(shown):
    page = re.sub(r'srcdoc="[^"]*"', "", preview_page(shown))
    assert "<script" not in page
    assert "src=" not in page
    assert "@import" not in page


def test_a_hostile_edition_stays_inside_its_frames():
    golden = next(golden for golden in golden_editions() if golden.name == "hostile")
    page = preview_page(preview(golden.edition, golden.settings, date=example.DAY))
    tree = lxml_html.document_fromstring(page)
    assert tree.findall(".//script") == []
    assert tree.findall(".//img") == []
    assert "{{ 7*7 }}" in page


def test_what_did_not_fit_is_said():
    long = [example.article(n, html="<p>Word by word it grows.</p>" * 400) for n in range(12)]
    page = preview_page(preview(example.edition(*long), example.settings(), date=example.DAY))
    assert "shown as headline only" in page


def test_a_finding_of_the_lint_is_shown_with_file_and_line(tmp_path):
    folder = tmp_path / "templates" / "email" / "letter"
    folder.mkdir(parents=True)
    source = '{% extends "email/_base/body.html" %}\n{% block style %}\np {display: flex;}\n{% endblock %}\n'
    (folder / "body.html").write_text(source, encoding="utf-8")
    settings = example.settings().model_copy(update={"directory": tmp_path})
    page = preview_page(preview(example.edition(), settings, date=example.DAY))
    assert "templates/email/letter/body.html:3" in page


def test_a_template_can_be_looked_at_without_choosing_it():
    made = preview(example.edition(), example.settings(), date=example.DAY, template="headlines", language="it")
    assert (made.template, made.language) == ("headlines", "it")


def test_a_trial_is_marked_and_has_a_message_id_of_its_own():
    first, second = (
        trial_message(example.edition(), example.settings(), example.recipient(key=key, test=True))
        for key in ("test 1", "test 2")
    )
    assert b"Subject: [Test] " in first
    ids = [re.search(rb"Message-ID: (\S+)", message).group(1) for message in (first, second)]
    assert ids[0] != ids[1]
    with pytest.raises(DeliveryError):
        trial_message(example.edition(), example.settings(), example.recipient(address="me@a.example, you@a.example"))


def test_a_scheme_is_chosen_whatever_the_browser_prefers(shown):
    dark, light = in_scheme(shown.html, "dark"), in_scheme(shown.html, "light")
    assert "prefers-color-scheme" not in dark + light
    assert dark != light


def test_without_chromium_the_pictures_say_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(pictures.shutil, "which", lambda program: None)
    with pytest.raises(RenderError, match="apt install chromium"):
        pictures.take_pictures("<p>x</p>", tmp_path)
