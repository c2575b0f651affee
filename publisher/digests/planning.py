"""Which articles make whose next edition; pure, from articles, subscriptions and the clock.

::

    article ── released once, at a position ──────┐
    subscriber (topics, cadence, zone, cursor) ───┼→ plan(now) → EditionPlan  one a set of articles × language × format
                                                  │            → Advance      where each one's cursor and clock go
    clock ────────────────────────────────────────┘

*Exactly once* rests on two numbers. An article gets a ``position`` when it is released, one higher than all
before it, and keeps it whatever is edited later. A subscriber has a ``cursor``: every article up to it has been
sent or was not for them. An edition takes the articles after the cursor, and moves the cursor past them in
the same transaction that queues the mail. So an edited article is never sent again, a slot that finds
nothing sends nothing, and a plan that is applied twice changes nothing the second time.

*Local time* is a calendar date and a wall clock in an IANA zone, turned into one instant per date: a time that
the spring change skips is read with the offset before the change (02:30 becomes 03:30), one that the autumn
change repeats means its first passing (PEP 495, fold 0). Slots that nobody ran are made up for by one edition.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from publisher.model import Article, Cadence, Subscription


@dataclass(frozen=True, slots=True)
class Released:
    """What planning knows of an article: ``position`` from 1, ``at`` its release in UTC epoch seconds, its topics."""

    position: int
    at: float
    article_id: str
    section: str = ""
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """One subscription and how far it has come.

    :param cursor: position of the last article that was sent to, or passed over for, this subscriber.
    :param due_at: the slot (UTC epoch seconds) this subscriber waits for; ``None`` for cadence *each*: always.
    :param paused_until: articles released before it are passed over, and nothing is due before it.
    """

    subscription: Subscription
    cursor: int = 0
    due_at: float | None = None
    paused_until: float = 0.0
    language: str = ""
    format: str = "html"


@dataclass(frozen=True, slots=True)
class EditionPlan:
    """One composed variant: ``article_ids`` newest first, for ``recipients`` (subscriber ids, ascending)."""

    digest: str
    article_ids: tuple[str, ...]
    language: str
    format: str
    recipients: tuple[int, ...]
    due_at: float


@dataclass(frozen=True, slots=True)
class Advance:
    """These subscribers, all at ``cursor`` now, go to ``new_cursor`` and wait for ``next_due`` (``None``: always).

    ``edition`` is an index into :attr:`Plan.editions`, ``None`` where there was nothing for them.
    """

    subscribers: tuple[int, ...]
    cursor: int
    new_cursor: int
    next_due: float | None
    edition: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    editions: tuple[EditionPlan, ...]
    advances: tuple[Advance, ...]


def next_edition(articles: Iterable[Article], already_sent_ids: Collection[str], limit: int) -> tuple[Article, ...]:
    """The next edition of a digest that is the same for everyone.

    The oldest ``limit`` articles that were never sent, so that none is starved; newest first, as they are read.
    """
    waiting = [article for article in articles if article.id not in already_sent_ids]
    waiting.sort(key=lambda article: (article.published, article.id))
    return tuple(reversed(waiting[:limit]))


def plan(
    digest: str, released: Sequence[Released], subscribers: Iterable[SubscriptionState], now: float, limit: int
) -> Plan:
    """Decide every edition that is due at ``now`` (UTC epoch seconds).

    :param released: every article that one of ``subscribers`` may need (after the smallest cursor), in any order.
    :param subscribers: of this digest; those that are not due, or paused, are left alone.
    :param limit: at most this many articles an edition; the oldest go first and the rest waits for the next slot.
    """
    ordered = sorted(released, key=lambda one: one.position)
    newest = ordered[-1].position if ordered else 0
    chooser = _Chooser(ordered, limit)
    recipients: dict[tuple[tuple[str, ...], str, str], list[int]] = {}
    due: dict[tuple[tuple[str, ...], str, str], float] = {}
    moves: dict[tuple[int, int, float | None, tuple[tuple[str, ...], str, str] | None], list[int]] = {}
    for subscriber in subscribers:
        wanted = subscriber.subscription
        if subscriber.paused_until > now:
            continue
        if wanted.cadence is Cadence.EACH:
            if subscriber.cursor >= newest:
                continue
        elif subscriber.due_at is not None and subscriber.due_at > now:
            continue
        chosen, cursor = chooser.choose(
            (wanted.sections, wanted.tags, wanted.authors), subscriber.cursor, subscriber.paused_until
        )
        variant = (chosen, subscriber.language, subscriber.format) if chosen else None
        next_due = next_slot(wanted, now)
        moves.setdefault((subscriber.cursor, cursor, next_due, variant), []).append(wanted.subscriber_id)
        if variant:
            recipients.setdefault(variant, []).append(wanted.subscriber_id)
            slot = now if subscriber.due_at is None else subscriber.due_at
            due[variant] = min(slot, due.get(variant, slot))
    index = {variant: number for number, variant in enumerate(sorted(recipients))}
    return Plan(
        editions=tuple(
            EditionPlan(digest, variant[0], variant[1], variant[2], tuple(sorted(recipients[variant])), due[variant])
            for variant in sorted(recipients)
        ),
        advances=tuple(
            Advance(tuple(sorted(who)), cursor, new, next_due, None if variant is None else index[variant])
            for (cursor, new, next_due, variant), who in moves.items()
        ),
    )


class _Chooser:
    """Chooses once for all subscribers with the same topics and cursor."""

    def __init__(self, ordered: Sequence[Released], limit: int) -> None:
        self._ordered = ordered
        self._limit = limit
        self._known: dict[tuple[tuple[tuple[str, ...], ...], int, float], tuple[tuple[str, ...], int]] = {}
        self._matching: dict[tuple[tuple[str, ...], ...], list[Released]] = {}

    def choose(self, topics: tuple[tuple[str, ...], ...], cursor: int, after: float) -> tuple[tuple[str, ...], int]:
        """Article ids newest first, and the new cursor."""
        key = (topics, cursor, after)
        if key not in self._known:
            if topics not in self._matching:
                folded = tuple(_fold(names) for names in topics)
                self._matching[topics] = [one for one in self._ordered if _matches(one, *folded)]
            waiting = [one for one in self._matching[topics] if one.position > cursor and one.at >= after]
            taken = waiting[: self._limit]
            newest = self._ordered[-1].position if self._ordered else cursor
            reached = taken[-1].position if len(waiting) > len(taken) else max(newest, cursor)
            self._known[key] = (tuple(one.article_id for one in reversed(taken)), reached)
        return self._known[key]


def _fold(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)


def _matches(one: Released, sections: frozenset[str], tags: frozenset[str], authors: frozenset[str]) -> bool:
    if not (sections or tags or authors):
        return True
    return (
        one.section.casefold() in sections
        or not tags.isdisjoint(tag.casefold() for tag in one.tags)
        or not authors.isdisjoint(author.casefold() for author in one.authors)
    )


def released_from(article: Article, position: int, at: float) -> Released:
    """What planning needs of ``article``."""
    return Released(
        position, at, article.id, article.section, article.tags, tuple(author.name for author in article.authors)
    )


def follows(article: Article, subscription: Subscription) -> bool:
    """Whether ``article`` is one of those this subscription asks for."""
    return _matches(
        released_from(article, 0, 0.0),
        _fold(subscription.sections),
        _fold(subscription.tags),
        _fold(subscription.authors),
    )


def topics_of(articles: Iterable[Article]) -> frozenset[str]:
    """Every section, tag and author of ``articles``, folded: what a subscriber may be following."""
    found: set[str] = set()
    for article in articles:
        found |= {article.section.casefold(), *(tag.casefold() for tag in article.tags)}
        found |= {author.name.casefold() for author in article.authors}
    return frozenset(found - {""})


def reasons(topics: Collection[str], follows: Collection[str]) -> tuple[str, ...]:
    """The followed topics that brought a digest, as the subscriber named them: "because you follow …".

    :param topics: of the digest's articles, by :func:`topics_of`.
    """
    return tuple(dict.fromkeys(name for name in follows if name.casefold() in topics)) if follows else ()


def next_slot(subscription: Subscription, after: float) -> float | None:
    """The first instant later than ``after`` (UTC epoch seconds) at which this subscription is due.

    ``None`` for cadence *each*, which waits for no clock.
    :raises zoneinfo.ZoneInfoNotFoundError: the zone is not one of the IANA database.
    """
    if subscription.cadence is Cadence.EACH:
        return None
    return _next_slot(
        subscription.cadence,
        subscription.weekday,
        subscription.monthday,
        subscription.hour,
        subscription.minute,
        subscription.timezone,
        after,
    )


@lru_cache(maxsize=65536)
def _next_slot(
    cadence: Cadence, weekday: int, monthday: int, hour: int, minute: int, timezone: str, after: float
) -> float:
    zone = ZoneInfo(timezone)
    # The day before, too: a zone that skipped a whole date (Samoa, 2011-12-30) gives two dates one instant.
    day = datetime.fromtimestamp(after, tz=UTC).astimezone(zone).date() - timedelta(days=1)
    while True:
        if _is_day(cadence, weekday, monthday, day):
            instant = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp()
            if instant > after:
                return instant
        day += timedelta(days=1)


def _is_day(cadence: Cadence, weekday: int, monthday: int, day: date) -> bool:
    if cadence is Cadence.WEEKDAYS:
        return day.weekday() < 5
    if cadence is Cadence.WEEKLY:
        return day.weekday() == weekday
    if cadence is Cadence.MONTHLY:
        return day.day == min(monthday, calendar.monthrange(day.year, day.month)[1])
    return True
