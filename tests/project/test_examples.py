"""The sample publication, and the site that ``masthead init`` starts from, are read without a murmur."""

import csv
import shutil
from pathlib import Path

import pytest
from PIL import Image

from publisher.articles.sources import read
from publisher.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
FILLED = {
    "@TITLE@": "My Letters",
    "@BASE_URL@": "http://127.0.0.1:8000",
    "@ID@": "urn:uuid:00000000-0000-4000-8000-000000000000",
    "@LANGUAGE@": "en",
    "@TIMEZONE@": "UTC",
    "@DATE@": "2026-01-31 09:30",
}


def documents_of(settings: Settings):
    readings = [read(source, settings.directory, settings.publication) for source in settings.sources]
    assert [str(problem) for reading in readings for problem in reading.problems] == []
    return [document for reading in readings for document in reading.documents]


@pytest.fixture(scope="module")
def examples():
    return load_settings(ROOT / "examples", {})


@pytest.fixture(scope="module")
def documents(examples):
    return documents_of(examples)


def test_the_samples_show_what_an_article_can_be(examples, documents):
    offered = [document for document in documents if not document.draft]
    assert len(offered) == 8
    assert {source.kind for source in examples.sources} == {"markdown", "page"}
    assert any(document.language == "ar" for document in offered)
    assert any(document.enclosures and document.enclosures[0].length for document in offered)
    assert any(document.title == 'Salt & Pepper: "50 % more" <em>taste</em> #1' for document in offered)
    assert any(document.related and document.share_targets for document in offered)
    assert any(document.draft for document in documents)
    for document in offered:
        assert document.summary
        assert document.section
        assert document.published is not None
        assert document.published.year == 2025  # never in the future of whoever tries it


def test_the_samples_pictures_and_recordings_are_there_and_small_and_as_large_as_they_say(documents):
    for document in documents:
        for url in [one.url for one in (document.image, *document.enclosures) if one]:
            file = ROOT / "examples" / "media" / url.removeprefix("http://127.0.0.1:8000/media/")
            assert file.is_file()
            assert file.stat().st_size < 60_000
        if document.image:
            assert document.image.alt
            with Image.open(ROOT / "examples" / "media" / Path(document.image.url).name) as picture:
                assert picture.size == (document.image.width, document.image.height)


def test_the_saved_pages_among_the_samples_are_told_apart(documents):
    pages = [document for document in documents if document.path.startswith("pages/")]
    assert len(pages) == 2
    for document in pages:
        assert document.html.count("<h2>") == 2
        assert document.html.count("<p>") >= 5
        assert document.share_targets == ("facebook", "x", "reddit")
        assert "ADVERTISEMENT" not in document.html


def test_every_sample_post_goes_nowhere_and_every_sample_address_is_nobodys(examples):
    assert [(channel.name, channel.kind, channel.dry_run) for channel in examples.channels] == [
        (name, name, True) for name in ("facebook", "x", "reddit")
    ]
    assert examples.mail.transport == "maildir"
    with (ROOT / "examples" / examples.audience.file).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["language"] for row in rows] == ["en", "it", "ar"]
    assert all(row["address"].endswith("@example.org") for row in rows)


def test_a_new_site_is_whole_once_its_placeholders_are_filled(tmp_path):
    shutil.copytree(ROOT / "templates" / "site", tmp_path / "site")
    for file in (tmp_path / "site").rglob("*.*"):
        text = file.read_text(encoding="utf-8")
        for placeholder, value in FILLED.items():
            text = text.replace(placeholder, value)
        assert "@" not in text.replace("post@example.org", "")
        file.write_text(text, encoding="utf-8")
    settings = load_settings(tmp_path / "site", {})
    assert settings.publication.title == "My Letters"
    assert len(documents_of(settings)) == 2
