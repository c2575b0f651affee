"""The commands that hold an edition in hand."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from publisher.cli import app
from publisher.errors import DeliveryError
from publisher.pipeline.audience import join_audience
from publisher.pipeline.collecting import collect
from publisher.pipeline.mailing import drain
from publisher.pipeline.planning import freeze_due, plan_editions
from publisher.pipeline.site import open_site
from tests.factories import write_site


@pytest.fixture
def site(tmp_path):
    write_site(tmp_path, digests=[{"name": "letter"}])
    (tmp_path / "articles" / "one.md").write_text("---\ntitle: One\ndate: 2026-11-01\n---\nWords.\n")
    (tmp_path / "subscribers.csv").write_text("address\nanna@example.org\nbo@example.org\n")
    return tmp_path


@pytest.fixture
def planned(site):
    """An edition that is frozen and not sent yet."""
    opened = open_site(site)
    join_audience(opened)
    collect(opened)
    plan_editions(opened)
    freeze_due(opened)
    yield opened
    opened.close()


def call(site, *words: str):
    return CliRunner().invoke(app, [*words, "--site", str(site)])


def test_status_says_how_far_an_edition_is(planned, site):
    (one,) = json.loads(call(site, "status", "--json").stdout)
    assert (one["edition"], one["status"], one["audience"], one["pending"]) == ("letter:1", "sending", 2, 2)
    assert one["balanced"]
    assert "0 of 2" in call(site, "status").stdout


def test_a_paused_edition_sends_nothing_until_it_is_resumed(planned, site):
    assert call(site, "pause", "letter:1").exit_code == 0
    assert drain(planned).sent == 0
    assert isinstance(call(site, "pause", "letter:1").exception, DeliveryError)
    assert call(site, "resume", "1").exit_code == 0
    assert drain(planned).sent == 2


def test_cancel_asks_first_and_then_nothing_more_leaves(planned, site):
    assert CliRunner().invoke(app, ["cancel", "latest", "--site", str(site)], input="n\n").exit_code == 1
    assert call(site, "cancel", "latest", "--yes").exit_code == 0
    assert drain(planned).sent == 0


def test_audit_balances_and_says_so(planned, site):
    drain(planned)
    found = call(site, "audit", "--json")
    assert found.exit_code == 0
    (one,) = json.loads(found.stdout)
    assert (one["audience"], one["sent"], one["balanced"], one["problems"]) == (2, 2, True, [])


@pytest.mark.parametrize("name", ["letter:2", "nobody:1", "one", ""])
def test_an_edition_that_is_not_there_is_named_with_the_way_to_find_it(planned, site, name):
    error = call(site, "pause", name).exception
    assert isinstance(error, DeliveryError)
    assert "masthead status" in str(error)


def test_before_the_first_edition_status_says_what_makes_one(site):
    assert "masthead publish" in call(site, "status").stdout
