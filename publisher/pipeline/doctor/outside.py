"""What the world sees: the public address, and the clock by which it answers."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from publisher.errors import MastheadError
from publisher.lib.findings import Finding, fault, ok, unknown, warning
from publisher.lib.networks import is_loopback_host
from publisher.pipeline.doctor.machine import MAX_CLOCK_SECONDS
from publisher.settings import Settings
from publisher.settings.reach import is_public_site, proxies_line

NAME = "public address"


def check_public_address(base_url: str, client: httpx.Client, clock: Callable[[], float]) -> list[Finding]:
    """Whether ``base_url`` leads to a Masthead over https; its answer's Date also tells whether our clock is right.

    :param clock: UTC epoch seconds.
    """
    parts = urlsplit(base_url)
    if is_loopback_host(parts.netloc):
        todo = "set [publication] base_url to the address that subscribers reach, before anything is sent"
        return [warning(NAME, f"{base_url} is this machine alone", todo)]
    findings = []
    if parts.scheme != "https":
        todo = "put a proxy with a certificate in front (docs/running.md) and write https:// in base_url"
        findings.append(fault("https", f"{base_url} is not encrypted: one-click unsubscribe needs https", todo))
    try:
        answer = client.get(f"{base_url}/healthz")
    except (httpx.HTTPError, MastheadError) as error:
        todo = "check the DNS of its host, the proxy, and that masthead runs"
        return [*findings, fault(NAME, f"{base_url} cannot be reached: {error or type(error).__name__}", todo)]
    if answer.status_code != 200:
        seen = f"{base_url}/healthz gave HTTP {answer.status_code}"
        return [*findings, fault(NAME, seen, "check that the proxy leads to masthead and that masthead runs")]
    findings.append(ok(NAME, f"{base_url} is served"))
    return [*findings, _clock(answer, clock())]


def check_web(settings: Settings) -> Finding:
    """How the web process listens, and how it understands the proxies before it."""
    name = "proxies"
    seen = f"listens on {settings.web.host}:{settings.web.port}; {proxies_line(settings)}"
    if is_public_site(settings) and not settings.web.trusted_proxies:
        todo = "name the proxy's address in [web] trusted_proxies; nothing to do where there is none"
        return warning(name, seen, todo)
    return ok(name, seen)


def _clock(answer: httpx.Response, now: float) -> Finding:
    try:
        said = email.utils.parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return unknown("clock", "the public address says no time")
    # The header has whole seconds.
    if abs(said - now) > MAX_CLOCK_SECONDS + 1:
        seen = f"ours differs by {now - said:+.0f} s from what {answer.url.host} says"
        return fault("clock", seen, "set the clock by NTP: schedules, leases and signatures depend on it")
    return ok("clock", "agrees with the public address")
