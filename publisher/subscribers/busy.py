"""More sign-ups than a day's budget: kept and confirmed later, or at once for whoever does some work.

::

    over [subscribing] per_domain or per_day ─→ the request is kept; its confirmation is due on a later day
                                             └→ a challenge ─ solved ─→ the confirmation is due now

Invented addresses use up a provider's budget, but a person at that provider still gets in: with a script at once,
without one on the first day that has room. Whether the budget is used up depends on the domain and the day alone, so
that neither the challenge nor its absence says anything about an address.
"""

from __future__ import annotations

from publisher.lib import altcha
from publisher.lib.addresses import Address
from publisher.settings import Settings
from publisher.store import Store, Tx, limits, notices
from publisher.store.limits import DAY_SECONDS, Limit
from publisher.store.signups import KEPT_SECONDS
from publisher.subscribers.personal_links import keyring_of

#: A challenge is good for so long.
CHALLENGE_SECONDS = 3600.0
#: Hashes that a challenge costs at most: a second or two in the browser of a telephone.
WORK = 200_000
#: The work doubles with each further budget of solved challenges in a day, at most so often.
MAX_DOUBLINGS = 5
#: Later days that are looked at; a request is forgotten after seven.
MAX_DAYS = 5


def spend_budget(tx: Tx, settings: Settings, address: Address, *, now: float) -> bool:
    """Count one request against the budgets of its domain and of the day; ``False`` when one is used up."""
    return limits.spend(tx, _budgets(tx, settings, address, now), now=now) is None


def due_later(tx: Tx, settings: Settings, address: Address, *, now: float) -> float:
    """When a request over budget is confirmed: the first later day with room, of which half is left for that day.

    Where no day has any, it is when the request is forgotten, so that only a solved challenge confirms it.
    """
    for days in range(1, MAX_DAYS + 1):
        then = now + days * DAY_SECONDS
        half = [Limit(one.name, max(1, one.most // 2)) for one in _budgets(tx, settings, address, then)]
        if limits.spend(tx, half, now=then) is None:
            return then
    return now + KEPT_SECONDS


def challenge_for(store: Store, settings: Settings, address: Address, *, now: float) -> altcha.Challenge:
    """The work that lets a kept request be confirmed at once."""
    with store.read() as tx:
        solved = limits.spent(tx, "solved", now=now)
    work = WORK << min(MAX_DOUBLINGS, solved // settings.subscribing.per_domain)
    return altcha.issue(keyring_of(store), address.key, expires=now + CHALLENGE_SECONDS, work=work)


def confirm_at_once(store: Store, address: Address, solution: str, *, now: float) -> bool:
    """Let the kept request of ``address`` be confirmed now, where ``solution`` is genuine, of it, and not used yet."""
    solved = altcha.verify(keyring_of(store), solution, address.key, now=now)
    if solved is None:
        return False
    with store.begin() as tx:
        # Counted on the day that the challenge ends, so that midnight does not make it new.
        if limits.spend(tx, [Limit(f"challenge:{solved.name}", 1)], now=solved.expires):
            return False
        limits.spend(tx, [Limit("solved", 1 << 30)], now=now)
        return notices.hurry(tx, address.text, now=now) > 0


def keep_nameless(tx: Tx, settings: Settings, *, now: float) -> bool:
    """Count one request to be kept from visitors who cannot be told apart; ``False`` when the day has had enough."""
    return limits.spend(tx, [Limit("nameless", settings.subscribing.per_day)], now=now) is None


def _budgets(tx: Tx, settings: Settings, address: Address, now: float) -> list[Limit]:
    allowed = settings.subscribing
    domain = limits.daily_hash(tx, "domain", address.domain, now=now)
    return [Limit(f"domain:{domain}", allowed.per_domain), Limit("confirmations", allowed.per_day)]
