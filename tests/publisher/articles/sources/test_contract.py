"""What every kind of source keeps to. A new file in publisher/articles/sources is picked up unasked."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from publisher.articles.documents import SCHEME
from publisher.articles.sources import kinds, open_source, read
from publisher.errors import SettingsError
from publisher.lib.sanitise import sanitise_html
from publisher.lib.text import one_line, scrub
from publisher.settings.publication import PublicationSettings, SourceSettings

GOLDEN = Path(__file__).parents[3] / "golden" / "sources"
PUBLICATION = PublicationSettings(title="The Slow Post", base_url="https://slow.example", timezone="Europe/Rome")

pytestmark = pytest.mark.parametrize("kind", kinds())


@pytest.fixture
def site(tmp_path, kind):
    samples = sorted((GOLDEN / kind).iterdir()) if (GOLDEN / kind).is_dir() else []
    assert samples, f"a source kind needs samples: put some good articles into tests/golden/sources/{kind}/"
    (tmp_path / "in").mkdir()
    for sample in samples:
        (tmp_path / "in" / sample.name).write_bytes(sample.read_bytes())
    return tmp_path


def read_site(site, kind, **settings):
    return read(SourceSettings(kind=kind, path="in", **settings), site, PUBLICATION)


def test_its_samples_become_documents_that_keep_to_the_model(site, kind):
    reading = read_site(site, kind)
    assert len(reading.documents) == len(list((site / "in").iterdir()))
    assert not reading.refused_paths
    for document in reading.documents:
        assert document.path.startswith("in/")
        assert document.title
        assert document.html
        assert sanitise_html(document.html, base_url="https://elsewhere.example") == document.html
        for text in (document.title, document.summary, document.section, *document.tags):
            assert text == one_line(text)
        for instant in (document.published, document.updated):
            assert instant is None or instant.utcoffset() == timedelta(0)


def test_every_document_says_what_it_was_read_from(site, kind):
    first = [document.source for document in read_site(site, kind).documents]
    assert len(set(first)) == len(first)
    assert all(source.startswith(SCHEME) for source in first)
    assert first == [document.source for document in read_site(site, kind, ignore=("nothing",)).documents]
    assert not set(first) & {document.source for document in read_site(site, kind, section="Elsewhere").documents}


def test_its_cursor_moves_when_a_file_does_and_stays_otherwise(site, kind):
    source = open_source(SourceSettings(kind=kind, path="in"), site, PUBLICATION)
    seen = [source.cursor(), source.cursor()]
    assert seen[0] == seen[1]
    sample = min((site / "in").iterdir())
    for change in (sample.touch, lambda: sample.rename(sample.with_stem("moved")), (site / "in" / "new").touch):
        change()
        seen.append(source.cursor())
    assert len(set(seen)) == 4


def test_reading_twice_gives_the_same_in_the_same_order(site, kind):
    first, second = read_site(site, kind), read_site(site, kind)
    assert first == second
    assert [document.path for document in first.documents] == sorted(document.path for document in first.documents)


def test_a_bad_file_is_set_aside_and_named_and_the_others_go_on(site, kind):
    before = read_site(site, kind)
    sample = next((site / "in").iterdir())
    (site / "in" / f"bad{sample.suffix}").write_bytes(b"one line\nand \xff\xfe another\n")
    (site / "in" / f"large{sample.suffix}").write_bytes(b"x" * (3 * 1024 * 1024))
    after = read_site(site, kind)
    assert after.documents == before.documents
    refused = {problem.path: problem for problem in after.problems if problem.refused}
    assert refused[f"in/bad{sample.suffix}"].line == 2
    assert "UTF-8" in refused[f"in/bad{sample.suffix}"].reason
    assert "2048 KB" in refused[f"in/large{sample.suffix}"].reason


def test_hidden_and_backup_and_ignored_files_are_not_read(site, kind):
    before = read_site(site, kind)
    sample = next((site / "in").iterdir())
    (site / "in" / "notes").mkdir()
    (site / "in" / ".git").mkdir()
    for name in (f".x{sample.suffix}", f"x{sample.suffix}~", f"x{sample.suffix}.bak", f".#x{sample.suffix}", "x.odt",
                 f"_x{sample.suffix}", f"notes/x{sample.suffix}", f".git/x{sample.suffix}"):  # fmt: skip
        (site / "in" / name).write_bytes(sample.read_bytes())
    assert read_site(site, kind, ignore=("notes/*",)) == before


def test_a_link_that_leads_out_of_the_site_and_a_pipe_are_refused(site, kind, tmp_path_factory):
    sample = next((site / "in").iterdir())
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_bytes(sample.read_bytes())
    suffix = sample.suffix
    (site / "in" / f"link{suffix}").symlink_to(outside / "secret")
    (site / "in" / f"loop{suffix}").symlink_to(site / "in" / f"loop{suffix}")
    (site / "in" / "folder").symlink_to(outside)
    os.mkfifo(site / "in" / f"pipe{suffix}")
    reading = read_site(site, kind)
    expected = {f"in/link{suffix}", f"in/loop{suffix}", "in/folder", f"in/pipe{suffix}"}
    assert reading.refused_paths == expected
    assert not any(document.path in expected for document in reading.documents)


def test_a_missing_directory_is_one_refusal_that_says_what_to_do(tmp_path, kind):
    reading = read(SourceSettings(kind=kind, path="nowhere"), tmp_path, PUBLICATION)
    assert reading.documents == ()
    (problem,) = reading.problems
    assert problem.refused
    assert str(problem).startswith("nowhere: no such directory; make it")


def test_what_the_source_says_of_its_articles_stands_where_they_are_silent(site, kind):
    reading = read_site(site, kind, section="Everything", author="The Desk", tags=("all",), language="it")
    for document in reading.documents:
        assert document.section
        assert document.authors
        assert "all" in document.tags
        assert document.language == "it"


def test_hostile_text_comes_out_harmless(site, kind):
    suffix = next((site / "in").iterdir()).suffix
    hostile = (
        "Salt \u202eand\x00 pepper\x07 <script>alert(1)</script>\n\n"
        "<img src=x onerror=alert(1)> {{ 7*7 }} \ufffe [x](javascript:alert(1)) "
        "<a href='jav&#9;ascript:alert(1)'>y</a> it goes on. And on, at some length, to be a paragraph.\n"
    )
    (site / "in" / f"hostile{suffix}").write_text(hostile if suffix == ".txt" else f"# {hostile}", encoding="utf-8")
    document = next(d for d in read_site(site, kind).documents if d.path == f"in/hostile{suffix}")
    for text in (document.title, document.summary, document.html):
        assert scrub(text) == text
        assert "\u202e" not in text
    assert "<script" not in document.html
    assert "<img" not in document.html or "onerror" not in document.html.partition("<img")[2].partition(">")[0]
    assert 'href="java' not in document.html
    assert "{{ 7*7 }}" in document.html


def test_an_unknown_kind_names_those_there_are(tmp_path, kind):
    with pytest.raises(SettingsError) as caught:
        read(SourceSettings(kind="pigeon"), tmp_path, PUBLICATION)
    assert "'pigeon'" in str(caught.value)
    assert kind in str(caught.value)
