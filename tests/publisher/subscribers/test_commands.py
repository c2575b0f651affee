"""``masthead import`` and ``export``, and what the worker does for subscribers."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from publisher.cli.main import app
from publisher.errors import MastheadError
from publisher.lib.addresses import parse_address
from publisher.pipeline.site import open_site
from publisher.pipeline.subscribers import import_subscribers, read_reports, send_notices
from publisher.store import editions, private_feeds, reports, subscribers
from publisher.store.tables import chunk, edition
from publisher.subscribers.subscribing import ask
from publisher.subscribers.wishes import Wishes
from tests.factories import write_site

LIST = "email,name,attributes,status\nada@example.org,Ada,{},enabled\nnobody,X,{},enabled\n"


@pytest.fixture
def directory(tmp_path, migrated):
    write_site(tmp_path, feedback={"mailbox": "maildir", "path": "reports"})
    (tmp_path / "list.csv").write_text(LIST)
    (tmp_path / "state").mkdir()
    shutil.copy(migrated, tmp_path / "state" / "masthead.db")
    return tmp_path


def command(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result


def test_a_dry_run_shows_the_diff_and_changes_nothing(directory) -> None:
    shown = command("import", directory / "list.csv", "--site", directory, "--dry-run", code=1)
    assert "ada@example.org" in shown.output
    assert "new, confirmed" in shown.output
    assert "would be 1 new, 1 bad" in shown.output
    assert command("export", "--site", directory).stdout.count("\n") == 1


def test_an_import_says_what_it_did_and_sets_bad_rows_aside(directory) -> None:
    done = command("import", directory / "list.csv", "--site", directory, "--json", code=1)
    report = json.loads(done.stdout)
    assert (report["new"], report["bad"]) == (1, 1)
    assert "line 3" not in done.stdout
    assert "3,address: " in (directory / "list-set-aside.csv").read_text()
    again = json.loads(command("import", directory / "list.csv", "--site", directory, "--json", code=1).stdout)
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 1)


def test_an_export_is_written_to_a_file(directory) -> None:
    command("import", directory / "list.csv", "--site", directory, code=1)
    command("export", "--site", directory, "--out", directory / "out.json")
    (row,) = json.loads((directory / "out.json").read_text())["subscribers"]
    assert (row["address"], row["name"]) == ("ada@example.org", "Ada")
    command("export", "--site", directory, "--suppressions")


@pytest.mark.parametrize("before", [None, 0o644])
def test_a_file_with_addresses_is_its_owners_alone(directory, before) -> None:
    out, aside = directory / "out.csv", directory / "aside.csv"
    for path in (out, aside) if before else ():
        path.touch(before)
    command("import", directory / "list.csv", "--site", directory, "--set-aside", aside, code=1)
    command("export", "--site", directory, "-o", out)
    assert [path.stat().st_mode & 0o777 for path in (out, aside)] == [0o600, 0o600]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("export", "-o", "/nope/x.csv"), "/nope/x.csv cannot be written: No such file or directory"),
        (("export", "-o", "/dev/full"), "/dev/full cannot be written: No space left on device"),
        (("export", "--format", "xml"), "no format is named xml; there are: csv, json"),
        (("export", "--digest", "nope"), "no digest is named nope; there are: digest"),
        (("export", "--suppressions", "--digest", "nope"), "no digest is named nope; there are: digest"),
        (("import", "list.csv", "--digest", "nope"), "no digest is named nope; there are: digest"),
        (
            ("import", "list.csv", "--suppress", "nonsense"),
            "no reason to suppress is named nonsense; there are: bounced, complained, by_hand",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_one_line(directory, monkeypatch, arguments, line) -> None:
    monkeypatch.chdir(directory)
    refused = CliRunner().invoke(app, [*arguments, "--site", str(directory)])
    assert isinstance(refused.exception, MastheadError), refused.exception
    assert str(refused.exception) == line
    assert command("export", "--suppressions", "--site", directory).stdout.count("\n") == 1


def test_a_digest_that_is_not_there_is_one_clear_line(directory) -> None:
    site = open_site(directory)
    with pytest.raises(MastheadError, match="no digest is named daily; there are: digest"):
        import_subscribers(site, directory / "list.csv", digests=("daily",))
    site.close()


def test_the_worker_sends_confirmations_and_reads_reports(directory) -> None:
    now = [1_800_000_000.0]
    site = open_site(directory, clock=lambda: now[0])
    assert send_notices(site) == 0
    ask(site.store, site.settings, parse_address("ada@example.org"), Wishes(), network="x", now=now[0])
    assert send_notices(site) == 1
    assert send_notices(site) == 0
    assert len(list((directory / "state" / "outbox" / "new").iterdir())) == 1
    (directory / "reports" / "new").mkdir(parents=True)
    (directory / "reports" / "new" / "1").write_bytes(b"nothing of ours")
    assert read_reports(site) == 1
    (directory / "reports" / "new" / "2").write_bytes(b"nothing of ours")
    assert read_reports(site) == 0, "it was looked at a moment ago"
    now[0] += 61
    assert read_reports(site) == 1
    with site.store.read() as tx:
        assert subscribers.by_address(tx, "ada@example.org") is None, "not before the link is confirmed"
    site.close()


def test_the_status_names_an_edition_that_subscribers_called_spam(directory) -> None:
    site = open_site(directory)
    with site.store.begin() as tx:
        number = editions.create(tx, "digest", "News", [], now=1.0)
        tx.execute(edition.update().values(status="sending", audience=100, frozen=1.0))
        tx.execute(chunk.insert().values(edition_id=number, due=1.0, size=100, sent=100))
        reports.add(tx, reports.NewReport("complaint", subscriber_id=1, edition_id=number, at=1.0, source="mail"))
    site.close()
    shown = " ".join(command("status", "--site", directory).stdout.split())
    assert "1 of 100 subscribers called it spam (1.00%)" in shown
    (told,) = json.loads(command("status", "--site", directory, "--json").stdout)
    assert (told["complaints"], told["complaint_rate"]) == (1, 0.01)


def test_the_worker_forgets_private_feeds_that_were_closed_long_ago(directory) -> None:
    now = [1_800_000_000.0]
    (directory / "reports" / "new").mkdir(parents=True)
    site = open_site(directory, clock=lambda: now[0])
    with site.store.begin() as tx:
        owner = subscribers.add(tx, "ada@example.org", now=now[0])
        private_feeds.issue(tx, owner, now=now[0])
        (closed,) = private_feeds.listing(tx, owner)
        private_feeds.revoke(tx, owner, closed.id, now=now[0])
        private_feeds.issue(tx, owner, now=now[0])

    def listed() -> list[bool]:
        read_reports(site)
        with site.store.read() as tx:
            return [one.revoked is not None for one in private_feeds.listing(tx, owner)]

    assert listed() == [False, True], "its owner still sees when it was closed"
    now[0] += private_feeds.KEPT_SECONDS + 1
    assert listed() == [False], "an open one stays"
    site.close()
