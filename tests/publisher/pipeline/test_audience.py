"""``subscribers.csv`` is read by the rules of ``masthead import``, and leaves those alone who are known."""

from __future__ import annotations

import io

import pytest

from publisher.pipeline.audience import Joined, join_audience
from publisher.pipeline.site import open_site
from publisher.store import subscribers
from publisher.subscribers import leaving, standing
from publisher.subscribers.interchange import export_subscribers, import_file
from tests.factories import write_site

NOW = 1_795_000_000.0
OTHERS = {
    "ours": (
        "address,name,language,status,cadence,suppressed\n"
        "ada@example.org,'=Ada,it-CH,confirmed,weekly,\n"
        "bo@example.org,Bo,no tag,unsubscribed,,\n"
        "cy@example.org,Cy,,confirmed,,bounced\n"
        "di@example.org,Di,,pending,,\n"
    ),
    "mailchimp": (
        "Email Address,First Name,Last Name,UNSUB_TIME,CLEAN_TIME\n"
        "ada@example.org,Ada,Rossi,,\n"
        "bo@example.org,Bo,,2024-05-02 03:04:05,\n"
        "cy@example.org,Cy,,,2024-05-02 03:04:05\n"
    ),
    "plain": "email,name\nada@example.org,Ada\nno address,Bo\n",
}


@pytest.fixture
def site(tmp_path):
    write_site(tmp_path, digests=[{"name": "letter"}])
    opened = open_site(tmp_path, clock=lambda: NOW)
    yield opened
    opened.close()


def write(site, text: str) -> None:
    (site.settings.directory / "subscribers.csv").write_text(text, encoding="utf-8")


def people(store) -> dict[str, tuple]:
    """What is held of everybody whom the tests write down."""
    found = {}
    for name in ("ada", "bo", "cy", "di"):
        with store.read() as tx:
            who = subscribers.by_address(tx, f"{name}@example.org")
            stopped = subscribers.suppressed(tx, f"{name}@example.org")
        if who is not None:
            wishes = standing.find(store, who.id, now=NOW).wishes
            found[name] = (who.name, who.status.value, wishes, stopped.reason if stopped else "")
        elif stopped is not None:
            found[name] = stopped.reason
    return found


@pytest.mark.parametrize("kind", sorted(OTHERS))
def test_a_file_says_the_same_here_as_to_an_import(site, tmp_path_factory, kind) -> None:
    write(site, OTHERS[kind])
    joined = join_audience(site)
    other = open_site(write_site(tmp_path_factory.mktemp("other"), digests=[{"name": "letter"}]), clock=lambda: NOW)
    file = site.settings.directory / "subscribers.csv"
    report = import_file(other.store, file, digests=("letter",), now=NOW)
    assert people(site.store) == people(other.store)
    assert joined.added == report.new
    assert [(one.line, one.reason) for one in joined.problems] == [(one.line, one.reason) for one in report.bad_rows]
    other.close()


def test_an_export_that_is_put_back_mails_nobody_who_had_left(site) -> None:
    write(site, "address\nada@example.org\nbo@example.org\n")
    join_audience(site)
    leaving.leave(site.store, 2, now=NOW, how="page")
    out = io.StringIO()
    export_subscribers(site.store, out, now=NOW)
    with site.store.begin() as tx:
        for who in (1, 2):
            subscribers.forget(tx, who)
    write(site, out.getvalue())
    assert join_audience(site) == Joined(2)
    assert [one[1] for one in people(site.store).values()] == ["confirmed", "unsubscribed"]


def test_one_who_is_known_is_left_alone_whatever_the_file_says(site) -> None:
    write(site, "address,name,language\nada@example.org,,\nbo@example.org,Bo,it\n")
    assert join_audience(site) == Joined(2)
    leaving.leave(site.store, 2, now=NOW, how="page")
    before = people(site.store)
    write(
        site, "address,name,language,status,suppressed\nada@example.org,Ada,it,unsubscribed,\nbo@example.org,,,,spam\n"
    )
    assert join_audience(site) == Joined(0)
    assert people(site.store) == before


def test_a_digest_that_is_new_is_not_given_to_those_who_are_known(site, tmp_path) -> None:
    write(site, "address\nada@example.org\n")
    join_audience(site)
    write_site(tmp_path, digests=[{"name": "letter"}, {"name": "weekly"}])
    write(site, "address\nada@example.org\nbo@example.org\n")
    reopened = open_site(tmp_path, clock=lambda: NOW)
    assert join_audience(reopened) == Joined(1)
    assert {name: one[2].digests for name, one in people(reopened.store).items()} == {
        "ada": ("letter",),
        "bo": ("letter", "weekly"),
    }
    reopened.close()


def test_an_unchanged_file_is_not_read_again_unless_asked_to(site) -> None:
    write(site, "address\nada@example.org\n")
    assert join_audience(site, force=False) == Joined(1)
    with site.store.begin() as tx:
        subscribers.forget(tx, 1)
    assert join_audience(site, force=False) is None
    assert join_audience(site) == Joined(1)


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"name\nAda\n", 1, "no column holds addresses"),
        (b"address\n\xff\n", None, "not UTF-8"),
        (b"address\n" + b"a" * (16 * 1024 * 1024), None, "masthead import"),
    ],
    ids=["no addresses", "not UTF-8", "too large"],
)
def test_a_file_that_cannot_be_used_is_one_problem(site, content, line, said) -> None:
    (site.settings.directory / "subscribers.csv").write_bytes(content)
    joined = join_audience(site)
    assert joined.added == 0
    (problem,) = joined.problems
    assert (problem.path, problem.line, problem.refused) == ("subscribers.csv", line, True)
    assert said in problem.reason


def test_a_site_without_the_file_adds_nobody(site) -> None:
    assert join_audience(site) == Joined(0)
