"""What the doctor sees of the public address."""

from __future__ import annotations

import email.utils

import httpx
import pytest

from publisher.lib.findings import Level
from publisher.pipeline.doctor.outside import check_public_address, check_web
from tests import factories

NOW = 1_790_000_000.0


def client(status: int = 200, ahead: float = 0.0, error: Exception | None = None) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/healthz"
        if error is not None:
            raise error
        return httpx.Response(status, headers={"date": email.utils.formatdate(NOW + ahead, usegmt=True)})

    return httpx.Client(transport=httpx.MockTransport(answer))


def levels(url: str, **how) -> dict[str, Level]:
    return {found.check: found.level for found in check_public_address(url, client(**how), lambda: NOW)}


def test_a_site_that_is_served_over_https_is_fine():
    assert levels("https://slow.example") == {"public address": Level.OK, "clock": Level.OK}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_an_address_of_this_machine_alone_is_a_warning_and_is_not_asked(url):
    assert levels(url, error=AssertionError("asked")) == {"public address": Level.WARNING}


def test_without_encryption_one_click_unsubscribe_cannot_be_offered():
    assert levels("http://slow.example")["https"] is Level.FAULT


@pytest.mark.parametrize("status", [301, 404, 502])
def test_a_proxy_that_leads_elsewhere_is_a_fault(status):
    assert levels("https://slow.example", status=status) == {"public address": Level.FAULT}


def test_an_address_that_cannot_be_reached_is_a_fault():
    assert levels("https://slow.example", error=httpx.ConnectError("refused")) == {"public address": Level.FAULT}


@pytest.mark.parametrize("ahead", [-3600, 60])
def test_a_clock_that_is_wrong_is_told_by_the_answers_date(ahead):
    assert levels("https://slow.example", ahead=ahead)["clock"] is Level.FAULT


@pytest.mark.parametrize(
    ("base_url", "trusted", "level", "seen"),
    [
        ("https://slow.example", ["172.18.0.0/16"], Level.OK, "X-Forwarded-For of 172.18.0.0/16"),
        ("https://slow.example", [], Level.WARNING, "no proxy is trusted"),
        ("http://127.0.0.1:8000", [], Level.OK, "no proxy is trusted"),
    ],
)
def test_proxies_are_told_as_they_are_understood(base_url, trusted, level, seen):
    settings = factories.settings(publication={"base_url": base_url}, web={"trusted_proxies": trusted})
    found = check_web(settings)
    assert (found.level, seen in found.seen, "127.0.0.1:8000" in found.seen) == (level, True, True)
    assert ("trusted_proxies" in found.todo) is (level is Level.WARNING)
