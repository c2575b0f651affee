"""``If-None-Match`` and ``If-Modified-Since`` (RFC 9110 §13)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.web.frame.conditions import known_tag, named_tags

ETAGC = [chr(code) for code in (0x21, *range(0x23, 0x7F), *range(0x80, 0x100))]
#: Tags of ours; none ends in what a compressing proxy adds.
OPAQUE = (
    st.text(st.sampled_from(ETAGC), max_size=12)
    .map(lambda text: f'"{text}"')
    .filter(lambda tag: not tag.endswith(('gzip"', '-br"')))
)
SPACE = st.text(st.sampled_from(" \t"), max_size=2)


@given(st.lists(st.tuples(OPAQUE, st.booleans(), SPACE, SPACE), min_size=1, max_size=6))
def test_a_list_is_read_as_its_tags_weak_or_strong_with_commas_inside(members):
    header = ",".join(f"{before}{'W/' * weak}{tag}{after}" for tag, weak, before, after in members)
    assert named_tags(header) == {tag for tag, *_ in members}


@given(st.text(max_size=80), st.lists(OPAQUE, min_size=1, max_size=3))
def test_no_header_is_too_odd_and_only_what_stands_in_it_matches(header, tags):
    found = known_tag({"if-none-match": header}, tags)
    assert found is None or found in tags
    if found is not None:
        assert header.strip(" \t") == "*" or found[1:-1] in header


@given(OPAQUE, OPAQUE, st.sampled_from(["", "W/"]))
def test_two_tags_match_when_they_are_the_same(one, other, weak):
    assert known_tag({"if-none-match": weak + one}, [other]) == (other if one == other else None)
    assert known_tag({"if-none-match": weak + one}, [other, one]) == (other if one == other else one)


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("", set()),
        ("*", {"*"}),
        (" * ", {"*"}),
        ('"a", *', {'"a"'}),
        ('"*"', {'"*"'}),
        ('"a,b"', {'"a,b"'}),
        ('"a,b", "c"', {'"a,b"', '"c"'}),
        ('W/"a-gzip", "b", junk, "c', {'"a"', '"b"'}),
        ('w/"a"', set()),  # case-sensitive, §8.8.3
        ('"a" "b"', set()),
        ('"x y", "z"', {'"z"'}),
        (',, "a" ,,', {'"a"'}),
        ('"a;gzip", "b--gzip", "c-br"', {'"a"', '"b"', '"c"'}),
    ],
)
def test_what_is_named(header, tags):
    assert named_tags(header) == tags


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"if-none-match": '"plain"'}, '"plain"'),
        ({"if-none-match": '"br"'}, '"br"'),
        ({"if-none-match": "*"}, '"plain"'),
        ({"if-none-match": '"other"'}, None),
        ({"if-modified-since": "Tue, 14 Nov 2023 22:13:20 GMT"}, '"plain"'),
        ({"if-modified-since": "Tue, 14 Nov 2023 22:13:19 GMT"}, None),
        ({"if-modified-since": "soon"}, None),
        # The date counts only where no tag is named, even one that does not match (§13.1.3).
        ({"if-none-match": '"other"', "if-modified-since": "Tue, 14 Nov 2023 22:13:20 GMT"}, None),
        ({"if-none-match": "", "if-modified-since": "Tue, 14 Nov 2023 22:13:20 GMT"}, None),
    ],
)
def test_the_tag_goes_before_the_date(headers, found):
    assert known_tag(headers, ['"plain"', '"br"'], 1_700_000_000) == found


@pytest.mark.parametrize("path", ["/", "/robots.txt", "/sitemap.xml", "/articles"])
@pytest.mark.parametrize("rewritten", ["{}", "W/{}", '"a,b", {}', "*"])
def test_every_page_is_asked_for_by_the_same_rule(far, add, article_of, path, rewritten):
    add(article_of(1))
    tag = far.get(path).headers["etag"]
    assert far.get(path, headers={"if-none-match": rewritten.format(tag)}).status_code == 304
    assert far.get(path, headers={"if-none-match": f'"{tag[1:-1]},"'}).status_code == 200
    assert far.get(path, headers={"if-none-match": tag[:-1] + '-gzip"'}).status_code == 304
