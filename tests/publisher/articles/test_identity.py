"""Which document is which article."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.articles.documents import Document
from publisher.articles.identity import assign_ids, build_article, new_id
from publisher.lib.text import body_hash
from publisher.model import Author, Publication

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = datetime(2025, 7, 16, tzinfo=UTC)
PUBLICATION = Publication(
    id="https://slow.example", title="The Slow Post", base_url="https://slow.example", author="Desk"
)


@dataclass(frozen=True)
class Remembered:
    """What the store hands over."""

    id: str
    source_path: str
    title: str
    slug: str
    body_hash: str
    published: datetime
    withdrawn: bool = False
    source: str = ""


def document(name: str, **fields) -> Document:
    values = {"title": f"On {name}", "html": f"<p>All about {name}.</p>", "published": DAY} | fields
    return Document(path=f"articles/{name}.md", **values)


def remember(assignment, *, withdrawn=()) -> list[Remembered]:
    return [
        Remembered(
            one.id, one.document.path, one.document.title, one.document.url_slug, body_hash(one.document.html),
            one.document.published or NOW, one.id in withdrawn,
        )
        for one in assignment.identified
    ]  # fmt: skip


def by_path(assignment) -> dict[str, str]:
    return {one.document.path: one.id for one in assignment.identified}


NAMES = st.lists(st.from_regex(r"\A[a-z]{1,6}\Z"), min_size=1, max_size=8, unique=True)
CHANGES = st.sets(st.sampled_from(["title", "slug", "path"]), min_size=1)


def change(piece: Document, what: set[str]) -> Document:
    if "title" in what:
        piece = replace(piece, title=f"{piece.title}, again", slug=piece.url_slug if "slug" not in what else piece.slug)
    if "slug" in what:
        piece = replace(piece, slug=f"{piece.url_slug}-2")
    if "path" in what:
        piece = replace(piece, path=piece.path.replace("articles/", "articles/moved/"))
    return piece


@settings(max_examples=80, deadline=None)
@given(NAMES, st.data())
def test_the_id_is_stable_when_title_slug_and_file_name_change(names, data):
    before = [document(name) for name in names]
    first = assign_ids([], before)
    after = [change(piece, data.draw(CHANGES)) for piece in before]
    second = assign_ids(remember(first), after)
    ids = by_path(first)
    assert by_path(second) == {new.path: ids[old.path] for old, new in zip(before, after, strict=True)}
    assert second.withdrawn == ()
    assert all(one.known for one in second.identified)


@settings(max_examples=80, deadline=None)
@given(NAMES, st.data())
def test_an_edited_text_keeps_its_id_when_any_two_of_title_slug_and_file_name_change_too(names, data):
    before = [document(name) for name in names]
    first = assign_ids([], before)
    after = []
    for piece in before:
        what = data.draw(st.sets(st.sampled_from(["title", "slug", "path"]), max_size=2))
        after.append(replace(change(piece, what), html=f"{piece.html}<p>More.</p>"))
    second = assign_ids(remember(first), after)
    ids = by_path(first)
    assert by_path(second) == {new.path: ids[old.path] for old, new in zip(before, after, strict=True)}


@settings(max_examples=100, deadline=None)
@given(NAMES, st.randoms(use_true_random=False))
def test_the_same_documents_in_any_order_get_the_same_ids_with_and_without_a_database(names, random):
    pieces = [document(name) for name in names]
    first = assign_ids([], pieces)
    random.shuffle(pieces)
    assert assign_ids([], pieces) == first
    assert by_path(assign_ids(remember(first), pieces)) == by_path(first)


PIECES = st.builds(
    Document,
    path=st.sampled_from([f"articles/{name}.md" for name in "abcdefgh"]),
    title=st.sampled_from(["Notes", "Bread", "Rain"]),
    slug=st.sampled_from(["", "notes", "x"]),
    html=st.sampled_from(["", "<p>One.</p>", "<p>Two.</p>"]),
    explicit_id=st.sampled_from(["", "", "", "one", "two"]),
    published=st.sampled_from([None, DAY, DAY + timedelta(days=7)]),
    draft=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=8, unique_by=lambda piece: piece.path), min_size=1, max_size=4))
def test_whatever_happens_to_the_files_no_two_share_an_id_and_every_article_is_accounted_for(rounds):
    store: dict[str, Remembered] = {}
    for pieces in rounds:
        result = assign_ids(store.values(), pieces)
        ids = [one.id for one in result.identified]
        assert len(set(ids)) == len(ids)
        assert len(result.identified) + len(result.problems) == len(pieces)
        for one in result.identified:
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", one.id)
            assert one.known == (one.id in store)
            assert one.document.explicit_id in ("", one.id)
        offered = {identifier for identifier, known in store.items() if not known.withdrawn}
        refused = {problem.path for problem in result.problems}
        gone = {identifier for identifier in offered - set(ids) if store[identifier].source_path not in refused}
        assert set(result.withdrawn) == gone
        for remembered in remember(result):
            store[remembered.id] = remembered
        for identifier in result.withdrawn:
            store[identifier] = replace(store[identifier], withdrawn=True)
        assert assign_ids(store.values(), pieces).withdrawn == ()
        assert by_path(assign_ids(store.values(), pieces)) == by_path(result)


def test_an_explicit_id_always_wins():
    first = assign_ids([], [document("bread")])
    second = assign_ids(remember(first), [document("bread", explicit_id="my-bread")])
    assert by_path(second) == {"articles/bread.md": "my-bread"}
    assert second.withdrawn == (first.identified[0].id,)


def test_the_second_file_with_one_explicit_id_is_refused_with_the_name_of_the_first():
    result = assign_ids([], [document("b", explicit_id="x"), document("a", explicit_id="x")])
    assert by_path(result) == {"articles/a.md": "x"}
    (problem,) = result.problems
    assert problem.refused
    assert str(problem) == "articles/b.md: the id 'x' is that of articles/a.md; give this article another"


def test_of_two_claims_the_file_that_has_the_id_keeps_it():
    first = assign_ids([], [document("b", explicit_id="x")])
    second = assign_ids(remember(first), [document("a", explicit_id="x"), document("b", explicit_id="x")])
    assert by_path(second) == {"articles/b.md": "x"}


def test_a_copy_is_a_new_article_and_the_original_stays_itself():
    first = assign_ids([], [document("b")])
    second = assign_ids(remember(first), [document("b"), replace(document("b"), path="articles/a.md")])
    ids = by_path(second)
    assert ids["articles/b.md"] == first.identified[0].id
    assert ids["articles/a.md"] != ids["articles/b.md"]


def test_two_files_that_swap_their_names_keep_their_articles():
    a, b = document("a"), document("b")
    first = by_path(assign_ids([], [a, b]))
    second = by_path(assign_ids(remember(assign_ids([], [a, b])), [replace(a, path=b.path), replace(b, path=a.path)]))
    assert second == {a.path: first[b.path], b.path: first[a.path]}


def test_this_weeks_column_of_the_same_title_is_not_last_weeks():
    last = document("notes-1", title="Notes", html="<p>Rain.</p>")
    this = document("notes-2", title="Notes", html="<p>Sun.</p>", published=DAY + timedelta(days=7))
    first = assign_ids([], [last])
    second = assign_ids(remember(first), [this])
    assert not second.identified[0].known
    assert second.withdrawn == (first.identified[0].id,)


def test_a_deleted_file_is_withdrawn_once_and_comes_back_as_itself():
    first = assign_ids([], [document("a"), document("b")])
    gone = assign_ids(remember(first), [document("b")])
    assert gone.withdrawn == (by_path(first)["articles/a.md"],)
    known = remember(first, withdrawn=gone.withdrawn)
    assert assign_ids(known, [document("b")]).withdrawn == ()
    assert by_path(assign_ids(known, [document("a"), document("b")])) == by_path(first)


def test_a_new_piece_in_the_place_of_a_withdrawn_one_is_new():
    first = assign_ids([], [document("a")])
    known = remember(first, withdrawn=(first.identified[0].id,))
    second = assign_ids(known, [document("a", title="Rain", html="<p>Rain.</p>")])
    assert not second.identified[0].known
    assert second.identified[0].id != first.identified[0].id


@pytest.mark.parametrize("refused", ["articles/a.md", "articles"])
def test_an_article_whose_file_is_there_but_broken_is_not_withdrawn(refused):
    first = assign_ids([], [document("a")])
    assert assign_ids(remember(first), [], refused_paths={refused}).withdrawn == ()


def test_a_file_that_two_sources_read_is_one_article():
    assert len(assign_ids([], [document("a"), document("a", section="Twice")]).identified) == 1


def test_ten_thousand_articles_of_one_title_are_told_apart_by_their_files():
    pieces = [document(str(n), title="Untitled", html=f"<p>{n}</p>") for n in range(10_000)]
    first = assign_ids([], pieces)
    edited = [replace(piece, html=f"{piece.html}<p>!</p>") for piece in pieces]
    assert by_path(assign_ids(remember(first), edited)) == by_path(first)


@settings(deadline=None)
@given(st.text(max_size=50))
def test_a_new_id_is_short_and_safe_in_a_url(path):
    assert re.fullmatch(r"[a-z2-7]{12}", new_id(path))
    assert new_id(path) == new_id(path)
    assert new_id(path, {new_id(path)}) != new_id(path)


def test_an_article_lives_under_its_key_and_slug_unless_a_canonical_url_is_given():
    piece = document("bread", title="Bread & salt")
    assert build_article(piece, "abc", PUBLICATION, now=NOW).url == "https://slow.example/articles/abc/bread-salt"
    there = replace(piece, canonical_url="https://elsewhere.example/bread")
    assert build_article(there, "abc", PUBLICATION, now=NOW).url == "https://elsewhere.example/bread"
    arabic = build_article(replace(piece, title="خبز"), "abc", PUBLICATION, now=NOW)
    assert arabic.url == "https://slow.example/articles/abc/%D8%AE%D8%A8%D8%B2"


def test_an_article_without_a_date_keeps_the_instant_it_was_first_published():
    piece = document("bread", published=None)
    first = build_article(piece, "abc", PUBLICATION, now=NOW)
    again = build_article(piece, "abc", PUBLICATION, now=NOW + timedelta(days=1), previous=first)
    assert first.published == NOW
    assert again == first


def test_an_edit_without_a_date_of_its_own_is_updated_now_and_only_once():
    later, latest = NOW + timedelta(days=1), NOW + timedelta(days=2)
    first = build_article(document("bread"), "abc", PUBLICATION, now=NOW)
    assert first.updated == DAY
    edited = build_article(document("bread", html="<p>Rye.</p>"), "abc", PUBLICATION, now=later, previous=first)
    assert edited.updated == later
    moved = document("bread", html="<p>Rye.</p>", share_targets=("x",))
    assert build_article(moved, "abc", PUBLICATION, now=latest, previous=edited).updated == later


def test_an_article_takes_author_and_language_of_the_publication_where_it_names_none():
    article = build_article(document("bread"), "abc", PUBLICATION, now=NOW)
    assert article.authors == (Author("Desk"),)
    assert article.language == "en"
    own = build_article(document("x", authors=(Author("Ada"),), language="it"), "abd", PUBLICATION, now=NOW)
    assert (own.authors, own.language) == ((Author("Ada"),), "it")
