"""Subscribers moved in and out: whose file, which row, and that a second time changes nothing."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.errors import SourceError
from publisher.store import open_store, subscribers
from publisher.store.subscribers import NewSubscriber, SubscriberStatus
from publisher.store.tables import metadata
from publisher.subscribers import standing
from publisher.subscribers.interchange import export_subscribers, export_suppressions, import_file
from publisher.subscribers.interchange.columns import recognise

NOW = 1_800_000_000.0
DIGESTS = ("digest",)

LISTMONK = """uuid,email,name,attributes,status,created_at,updated_at
1,ada@example.org,Ada Rossi,"{""city"": ""Genoa""}",enabled,2024-01-02T03:04:05Z,
2,bo@example.org,Bo,{},disabled,2024-01-02T03:04:05Z,
3,cy@example.org,Cy,{},blocklisted,2024-01-02T03:04:05Z,
"""
SEMICOLONS = LISTMONK.replace(",", ";").replace('"{""city"": ""Genoa""}"', "{}")
GHOST = """id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels
1,ada@example.org,Ada,,true,false,,2024-01-02T03:04:05.000Z,,vip
2,bo@example.org,Bo,,false,false,,2024-01-02T03:04:05.000Z,,
"""
MAILCHIMP = """\ufeffEmail Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,TAGS
ada@example.org,Ada,Rossi,2,2024-01-02 03:04:05,203.0.113.5,2024-01-02 03:04:05,"""
MAILCHIMP_UNSUBSCRIBED = """Email Address,First Name,Last Name,UNSUB_TIME,UNSUB_REASON
bo@example.org,Bo,,2024-05-02 03:04:05,N/A
"""
MAILCHIMP_CLEANED = """Email Address,First Name,Last Name,CLEAN_TIME
cy@example.org,Cy,,2024-05-02 03:04:05
"""
SUBSTACK = """email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at
ada@example.org,false,,other,false,2024-01-02T03:04:05.000Z,
bo@example.org,true,,annual,true,2024-01-02T03:04:05.000Z,
"""


@pytest.fixture
def store(migrated, tmp_path):
    copied = shutil.copy(migrated, tmp_path / "masthead.db")
    opened = open_store(f"sqlite:///{copied}")
    yield opened
    opened.close()


def write(tmp_path, text: str, name: str = "list.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def run(store, path, **more):
    return import_file(store, path, digests=DIGESTS, now=NOW, **more)


def everything(store):
    with store.read() as tx:
        return {name: sorted(map(repr, tx.execute(table.select()).all())) for name, table in metadata.tables.items()}


def status(store, address: str) -> str:
    with store.read() as tx:
        who = subscribers.by_address(tx, address)
        return subscribers.status_of(tx, who.id).value if who else ""


def reason(store, address: str) -> str:
    with store.read() as tx:
        found = subscribers.suppressed(tx, address)
    return found.reason if found else ""


@pytest.mark.parametrize(
    ("text", "format", "ada", "bo", "cy"),
    [
        (LISTMONK, "listmonk", "confirmed", "unsubscribed", "by_hand"),
        (GHOST, "ghost", "confirmed", "unsubscribed", ""),
        (MAILCHIMP, "mailchimp", "confirmed", "", ""),
        (MAILCHIMP_UNSUBSCRIBED, "mailchimp", "", "unsubscribed", ""),
        (MAILCHIMP_CLEANED, "mailchimp", "", "", "bounced"),
        (SUBSTACK, "substack", "confirmed", "unsubscribed", ""),
        (
            LISTMONK.replace(",", ";").replace('"{""city"": ""Genoa""}"', "{}"),
            "listmonk",
            "confirmed",
            "unsubscribed",
            "by_hand",
        ),
    ],
)
def test_the_files_of_other_programs_are_recognised(store, tmp_path, text, format, ada, bo, cy) -> None:
    report = run(store, write(tmp_path, text))
    assert (report.format, report.bad) == (format, 0)
    assert (status(store, "ada@example.org"), status(store, "bo@example.org")) == (ada, bo)
    assert reason(store, "cy@example.org") == cy
    assert status(store, "cy@example.org") == ""


def test_names_are_put_together_and_the_day_of_consent_is_kept(store, tmp_path) -> None:
    run(store, write(tmp_path, MAILCHIMP))
    out = io.StringIO()
    export_subscribers(store, out, now=NOW)
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert row["name"] == "Ada Rossi"
    assert row["confirmed"] == "2024-01-02T03:04:05+00:00"
    assert "203.0.113" not in json.dumps(everything(store))


def test_an_import_that_is_run_again_changes_nothing(store, tmp_path) -> None:
    path = write(tmp_path, LISTMONK)
    first = run(store, path)
    before = everything(store)
    again = run(store, path)
    assert (first.new, first.suppressed) == (2, 1)
    assert (again.new, again.changed, again.suppressed, again.unchanged) == (0, 0, 0, 3)
    assert everything(store) == before


def test_a_dry_run_says_what_would_be_and_changes_nothing(store, tmp_path) -> None:
    with store.begin() as tx:
        subscribers.import_list(
            tx, [NewSubscriber("ada@example.org"), NewSubscriber("bo@example.org")], now=1.0, digests=DIGESTS
        )
    before = everything(store)
    path = write(tmp_path, LISTMONK)
    dry = run(store, path, dry_run=True)
    assert everything(store) == before
    assert [(one.line, one.what) for one in dry.examples] == [
        (2, "name: Ada Rossi"),
        (3, "name: Bo, confirmed → unsubscribed"),
        (4, "never mailed (by_hand)"),
    ]
    real = run(store, path)
    assert (dry.new, dry.changed, dry.unchanged, dry.suppressed) == (
        real.new,
        real.changed,
        real.unchanged,
        real.suppressed,
    )


def test_an_import_never_undoes_an_unsubscription_or_a_suppression(store, tmp_path) -> None:
    with store.begin() as tx:
        subscribers.import_list(tx, [NewSubscriber("ada@example.org")], now=1.0, digests=DIGESTS)
        subscribers.unsubscribe(tx, 1, now=2.0)
        subscribers.suppress(tx, "bo@example.org", "complained", now=2.0)
    run(store, write(tmp_path, "email,name\nada@example.org,Ada\nbo@example.org,Bo\n"))
    assert status(store, "ada@example.org") == "unsubscribed"
    assert reason(store, "bo@example.org") == "complained"
    with store.read() as tx:
        assert [row.active for row in subscribers.subscriptions(tx, 1)] == [False]


def test_someone_who_left_elsewhere_leaves_here(store, tmp_path) -> None:
    with store.begin() as tx:
        subscribers.import_list(tx, [NewSubscriber("bo@example.org")], now=1.0, digests=DIGESTS)
    report = run(store, write(tmp_path, MAILCHIMP_UNSUBSCRIBED))
    assert report.changed == 1
    with store.read() as tx:
        assert [row.active for row in subscribers.subscriptions(tx, 1)] == [False]


def test_a_bad_row_is_named_and_set_aside_and_the_others_go_on(store, tmp_path) -> None:
    lines = ["address,name,hour", "ada@example.org,Ada,7", "nobody,X,7", "bo@example.org,Bo,99"]
    text = "\n".join([*lines, "", "cy@example.org,Cy", "ADA@example.org,Ada,7", ""])
    aside = []
    report = run(store, write(tmp_path, text), set_aside=aside.append)
    assert (report.rows, report.new, report.bad, report.repeated) == (5, 2, 2, 1)
    assert [(bad.line, bad.reason.split(":")[0]) for bad in report.bad_rows] == [(3, "address"), (4, "hour = '99'")]
    assert aside == list(report.bad_rows)
    assert status(store, "cy@example.org") == "confirmed"


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), ("name,city\nAda,Genoa\n", "no column holds addresses"), ("email\n\xff", "UTF-8")],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(store, tmp_path, text, said) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceError, match=said) as refused:
        run(store, path)
    assert "\n" not in str(refused.value)
    assert "list.csv" in str(refused.value)


def test_a_missing_file_is_one_clear_line(store, tmp_path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        run(store, tmp_path / "none.csv")


def test_a_list_of_addresses_never_to_be_mailed_is_taken_over(store, tmp_path) -> None:
    with store.begin() as tx:
        subscribers.import_list(tx, [NewSubscriber("ada@example.org")], now=1.0, digests=DIGESTS)
    text = "email,reason\nada@example.org,Spam\nbo@example.org,hard-bounce\ncy@example.org,\n"
    report = run(store, write(tmp_path, text), suppress_all="by_hand")
    assert (report.suppressed, report.new) == (3, 0)
    assert [reason(store, f"{who}@example.org") for who in ("ada", "bo", "cy")] == ["complained", "bounced", "by_hand"]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_is_exported_comes_back_the_same_elsewhere(store, tmp_path, kind) -> None:
    text = (
        "address,name,language,status,cadence,weekday,monthday,hour,timezone,sections,format\n"
        "ada@example.org,=Ada,it,confirmed,weekly,4,1,18,Europe/Rome,Coast;Hills,text\n"
        "josé@example.org,José,,unsubscribed,,,,,,,\n"
    )
    run(store, write(tmp_path, text))
    out = io.StringIO()
    assert export_subscribers(store, out, kind=kind, now=NOW) == 2
    other = open_store(f"sqlite:///{tmp_path}/other/masthead.db")
    report = run(other, write(tmp_path, out.getvalue(), f"export.{kind}"))
    assert (report.new, report.bad) == (2, 0)
    again = io.StringIO()
    export_subscribers(other, again, kind=kind, now=NOW)
    assert again.getvalue().replace("import", "") == out.getvalue().replace("import", "")
    with other.read() as tx:
        (row,) = subscribers.subscriptions(tx, 1)
    assert (row.cadence, row.hour, row.timezone, row.sections) == ("weekly", 18, "Europe/Rome", '["Coast", "Hills"]')
    other.close()


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_pause_and_a_refused_tracking_survive_an_export_and_an_import(store, tmp_path, kind) -> None:
    run(store, write(tmp_path, "address,cadence,timezone\nada@example.org,daily,Europe/Rome\n"))
    found = standing.find(store, 1, now=NOW)
    wanted = replace(found.wishes, paused_until=date(2027, 3, 1), tracking=False)
    standing.change(store, 1, wanted, now=NOW)
    out = io.StringIO()
    export_subscribers(store, out, kind=kind, now=NOW)
    other = open_store(f"sqlite:///{tmp_path}/other/masthead.db")
    run(other, write(tmp_path, out.getvalue(), f"export.{kind}"))
    assert standing.find(other, 1, now=NOW).wishes == wanted
    other.close()


def test_a_cell_that_a_spreadsheet_would_run_is_made_plain_in_csv(store, tmp_path) -> None:
    run(store, write(tmp_path, "address,name\nada@example.org,=HYPERLINK(1)\n"))
    out = io.StringIO()
    export_subscribers(store, out, now=NOW)
    assert "'=HYPERLINK" in out.getvalue()


def test_suppressions_are_exported_with_an_address_where_one_is_left(store, tmp_path) -> None:
    with store.begin() as tx:
        subscribers.import_list(tx, [NewSubscriber("ada@example.org")], now=1.0)
        subscribers.suppress(tx, "ada@example.org", "complained", now=2.0)
        subscribers.suppress(tx, "gone@example.org", "bounced", now=3.0)
    out = io.StringIO()
    assert export_suppressions(store, out) == 2
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [(row["address"], row["reason"]) for row in rows] == [("ada@example.org", "complained"), ("", "bounced")]


def test_json_is_read_in_the_shapes_that_programs_write(store, tmp_path) -> None:
    for number, data in enumerate(
        (
            [{"email": "a@example.org"}],
            {"subscribers": [{"address": "b@example.org", "sections": ["Coast"]}]},
            {"members": [{"email": "c@example.org", "subscribed_to_emails": True}, "nonsense"]},
        )
    ):
        report = run(store, write(tmp_path, json.dumps(data), f"{number}.json"))
        assert report.new == 1
    for text in ("{", "3", '{"x": 1}', "[" * 100_000):
        with pytest.raises(SourceError):
            run(store, write(tmp_path, text, "bad.json"))


def test_progress_goes_from_nothing_to_all(store, tmp_path, monkeypatch) -> None:
    from publisher.subscribers.interchange import importing

    monkeypatch.setattr(importing, "BATCH", 10)
    path = write(tmp_path, "email\n" + "".join(f"r{number}@example.org\n" for number in range(95)))
    seen = []
    assert run(store, path, progress=lambda done, size: seen.append((done, size))).new == 95
    assert len(seen) == 10
    assert seen[-1] == (path.stat().st_size,) * 2
    assert seen == sorted(seen)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(max_size=12), max_size=5), max_size=6))
def test_whatever_the_cells_hold_nothing_but_a_plain_refusal_is_raised(tmp_path_factory, rows) -> None:
    from publisher.errors import BadAddress
    from publisher.subscribers.interchange.columns import bad_row, read_row

    columns = ("address", "name", "hour", "timezone", "sections")
    known = recognise(columns)
    reasons = []
    for cells in rows:
        row = dict(zip(columns, cells, strict=False))
        try:
            read_row(known, row)
        except (ValueError, BadAddress) as error:
            reasons.append(bad_row(1, row, error).reason)
    assert all(reason and "\n" not in reason for reason in reasons)


def test_either_database_does_the_same(either_store, tmp_path) -> None:
    path = write(tmp_path, LISTMONK)
    assert run(either_store, path, dry_run=True).new == 2
    assert status(either_store, "ada@example.org") == ""
    first, again = run(either_store, path), run(either_store, path)
    assert (first.new, first.suppressed, again.new, again.changed, again.suppressed) == (2, 1, 0, 0, 0)
    assert status(either_store, "bo@example.org") == SubscriberStatus.UNSUBSCRIBED
    out = io.StringIO()
    assert export_subscribers(either_store, out, now=NOW) == 2
