"""What gives way when an edition is too long: as little as possible, from the end, and never the footer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.rendering.fitting import ALONE, Parts, fit
from tests.publisher.digests import digest_example as example

LIMIT, ROOM, FRAME, HEADLINE = 10_000, 200, 800, 90
MOST = LIMIT - ROOM

lengths = st.lists(st.integers(0, 14_000), min_size=1, max_size=130)


def fitted(bodies: list[int], *, shown: bool = True):
    articles = [example.article(number) for number in range(len(bodies))]
    sizes = {article.id: size for article, size in zip(articles, bodies, strict=True)}
    rendered: list[int] = []

    def attempt(choice) -> Parts:
        size = FRAME + sum(HEADLINE + (sizes[item.article.id] if item.full and shown else 0) for item in choice)
        rendered.append(size)
        return Parts("s", "x" * size, "t")

    parts, report = fit(articles, sizes, attempt, limit=LIMIT, room=ROOM, shows_bodies=lambda: shown)
    return articles, sizes, parts, report, rendered


@settings(max_examples=300, deadline=None)
@given(lengths)
def test_the_result_always_fits_and_everything_is_accounted_for(bodies):
    articles, _, parts, report, rendered = fitted(bodies)
    assert parts.size <= MOST
    titles = [article.title for article in articles]
    assert list(report.omitted) == titles[len(titles) - len(report.omitted) :]
    assert set(report.shortened) <= set(titles)
    assert not set(report.shortened) & set(report.omitted)
    assert len(rendered) <= 18  # binary searches, not a rendering an article


@settings(max_examples=300, deadline=None)
@given(lengths)
def test_no_article_gives_way_without_need(bodies):
    articles, sizes, parts, report, _ = fitted(bodies)
    if FRAME + sum(HEADLINE + size for size in bodies) <= MOST:
        assert not report.shortened
        assert not report.omitted
        return
    if report.omitted:
        assert parts.size + HEADLINE > MOST
        return
    short = [article for article in articles if article.title in report.shortened and sizes[article.id] <= MOST * ALONE]
    if short:  # the first of the last ones that gave way would not have fitted
        assert parts.size + sizes[short[0].id] > MOST


@settings(max_examples=100, deadline=None)
@given(lengths)
def test_where_the_template_shows_no_bodies_nothing_is_called_shortened(bodies):
    _, _, parts, report, _ = fitted(bodies, shown=False)
    assert report.shortened == ()
    assert parts.size <= MOST
