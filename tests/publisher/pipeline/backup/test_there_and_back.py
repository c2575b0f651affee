"""A site goes into one file and comes back as it was, on either database and from one to the other."""

from __future__ import annotations

import json
import shutil
import stat

import pytest

from publisher.errors import SiteError
from publisher.pipeline.backup.making import back_up
from publisher.pipeline.backup.restoring import restore
from publisher.pipeline.site import open_site
from publisher.store import deliveries, editions, meta, migrate, open_store, restored, snapshot, subscribers
from publisher.store.subscribers import NewSubscriber
from tests.factories import publication_toml
from tests.publisher.pipeline.backup.conftest import make


def everything(store) -> dict[str, list[list[object]]]:
    with store.read() as tx:
        return {name: list(snapshot.rows(tx, name)) for name in snapshot.contents(tx).tables}


def test_every_table_is_copied(either_store):
    """No topic's table is forgotten: what the migrations make is what is copied."""
    from sqlalchemy import inspect

    with either_store.read() as tx:
        assert set(snapshot.contents(tx).tables) == set(inspect(tx).get_table_names()) - {migrate.TABLE}


def test_what_comes_back_is_what_went(sending, tmp_path, clock):
    before = everything(sending.store)
    back_up(sending, tmp_path / "b.tar")
    new = restored_site(tmp_path, clock)
    after = everything(new.store)
    ours = ("sources.fingerprint", "sources.machine", meta.TICKED, meta.RESTORED)
    for rows in (before, after):
        rows["owner"] = []
        rows["meta"] = [row for row in rows["meta"] if row[0] not in ours]
    assert after == before
    assert (tmp_path / "new" / "articles" / "one.md").read_text().endswith("Words.\n")
    new.close()


def restored_site(tmp_path, clock, url: str = ""):
    """The backup ``b.tar`` in ``new``, on SQLite unless ``url`` says otherwise."""
    new = tmp_path / "new"
    new.mkdir(exist_ok=True)
    tables = {"database": {"url": url}} if url else {}
    text = publication_toml(digests=[{"name": "letter"}], mail={"transport": "memory"}, **tables)
    (new / "publication.toml").write_text(text)
    restore(tmp_path / "b.tar", new, clock=clock)
    return open_site(new, clock=clock)


@pytest.mark.server
@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
def test_it_goes_from_one_database_to_the_other(there, tmp_path, clock, cluster):
    urls = [cluster.database(), ""] if there == "sqlite" else ["", cluster.database()]
    site = open_site(make(tmp_path / "site", urls[0]), clock=clock)
    with site.store.begin() as tx:
        people = [NewSubscriber(f"p{number}@example.org") for number in range(5000)]
        subscribers.import_list(tx, people, now=clock(), digests=["letter"])
        meta.secret_key(tx, "links")
    back_up(site, tmp_path / "b.tar")
    before = everything(site.store)
    new = restored_site(tmp_path, clock, urls[1])
    after = everything(new.store)
    assert {**after, "meta": [], "owner": []} == {**before, "meta": [], "owner": []}
    with new.store.begin() as tx:
        assert restored.lineage(tx) == dict(before["meta"])["key:links"]
        subscribers.import_list(tx, [NewSubscriber("later@example.org")], now=clock(), digests=["letter"])
        later = subscribers.by_address(tx, "later@example.org")
        assert later is not None
        assert later.id > 5000 + snapshot.SKIPPED_IDS
    site.close()
    new.close()


def test_ids_that_were_given_after_the_backup_are_never_given_again(sending, tmp_path, clock):
    back_up(sending, tmp_path / "b.tar")
    with sending.store.begin() as tx:
        lost = editions.create(tx, "letter", "Lost", [], now=clock())
    new = restored_site(tmp_path, clock)
    with new.store.begin() as tx:
        assert editions.create(tx, "letter", "Next", [], now=clock()) > lost
    new.close()


def test_the_file_is_its_owners_alone_and_nothing_is_left_beside_it(sending, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    made = back_up(sending, folder / "b.tar")
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["b.tar"]
    back_up(sending, folder / "b.tar")  # a backup may take the place of a backup
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(SiteError, match="is no backup; it is not overwritten"):
        back_up(sending, folder / "notes.txt")
    assert (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(SiteError, match="cannot be written"):
        back_up(sending, tmp_path / "nowhere" / "b.tar")


def test_it_counts_what_it_holds(sending, tmp_path):
    ledger = back_up(sending, tmp_path / "b.tar").manifest.ledger
    assert (ledger["subscribers"], ledger["deliveries"], ledger["pending"]) == (20, 20, 20)


@pytest.mark.parametrize("with_secrets", [False, True])
def test_secrets_in_files_are_in_it_only_when_they_are_asked_for(tmp_path, clock, with_secrets):
    directory = make(tmp_path / "site")
    (directory / "templates" / "web").mkdir(parents=True)
    (directory / "templates" / "web" / "own.html").write_text("mine")
    (directory / "secrets").mkdir()
    (directory / "secrets" / "smtp").write_text("hunter2-hunter2")
    with open(directory / "publication.toml", "a", encoding="utf-8") as file:
        file.write('\n[feedback.mailgun]\nkey = { file = "secrets/smtp" }\n')
        file.write('\n[feedback.postmark]\nusername = "us"\npassword = { env = "POSTMARK" }\n')
    site = open_site(directory, clock=clock)
    made = back_up(site, tmp_path / "b.tar", with_secrets=with_secrets)
    site.close()
    names = {part.name for part in made.manifest.parts}
    assert {"publication.toml", "templates/web/own.html", "articles/one.md", "subscribers.csv"} <= names
    assert (b"hunter2" in (tmp_path / "b.tar").read_bytes()) is with_secrets
    assert "the environment variable POSTMARK" in made.manifest.left_out
    assert any("secret file" in line for line in made.manifest.left_out) is not with_secrets
    restore(tmp_path / "b.tar", tmp_path / "new", clock=clock)
    secret = tmp_path / "new" / "secrets" / "smtp"
    assert secret.exists() is with_secrets
    if with_secrets:
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


@pytest.mark.parametrize("with_secrets", [False, True])
def test_the_list_of_subscribers_that_the_settings_name_is_no_secret(tmp_path, clock, with_secrets):
    directory = make(tmp_path / "site")
    (directory / "people.csv").write_text("address\none@example.org\n")
    with open(directory / "publication.toml", "a", encoding="utf-8") as file:
        file.write('\n[audience]\nfile = "people.csv"\n')
    site = open_site(directory, clock=clock)
    manifest = back_up(site, tmp_path / "b.tar", with_secrets=with_secrets).manifest
    site.close()
    (part,) = (part for part in manifest.parts if part.name == "people.csv")
    assert not part.secret
    assert manifest.left_out == ()


def test_a_file_that_a_restore_would_refuse_is_named_and_left_out(tmp_path, clock):
    directory = make(tmp_path / "site")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "passwords").write_text("theirs")
    (directory / "media").mkdir()
    (directory / "media" / "odd\\name\n.png").write_bytes(b"1")
    (directory / "media" / "fine name ü.png").write_bytes(b"2")
    (directory / "media" / ".hidden").write_bytes(b"3")
    (directory / "media" / "link").symlink_to(tmp_path / "outside" / "passwords")
    (directory / "media" / ("long" * 40 + ".png")).write_bytes(b"4")
    site = open_site(directory, clock=clock)
    made = back_up(site, tmp_path / "b.tar")
    site.close()
    media = {part.name for part in made.manifest.parts if part.name.startswith("media/")}
    assert media == {"media/fine name ü.png", "media/" + "long" * 40 + ".png"}
    assert sum(line.startswith("the file 'media/") for line in made.manifest.left_out) == 2
    restore(tmp_path / "b.tar", tmp_path / "new", clock=clock)
    assert (tmp_path / "new" / "media" / "fine name ü.png").read_bytes() == b"2"


def test_a_backup_of_an_older_schema_is_migrated(tmp_path, clock):
    directory = make(tmp_path / "site")
    store = open_store(f"sqlite:///{directory}/state/masthead.db")
    with store.begin() as tx:
        meta.secret_key(tx, "links")
    store.close()
    site = open_site(directory, clock=clock)
    with site.store.begin() as tx:
        snapshot.clear(tx, "0008")  # before article.source
        tx.exec_driver_sql(
            "INSERT INTO article (id, key, source_path, slug, title, section, published, updated, revision, body_hash,"
            " document, first_seen, saved) VALUES ('a', 'a', 'a.md', 'a', 'A', '', 1, 1, 'r', 'h', '{}', 1, 1)"
        )
        tx.exec_driver_sql(
            "INSERT INTO subscriber (id, address, address_key, address_hash, token, status, created, confirmed)"
            " VALUES (1, 's@example.org', 's@example.org', 'h', 't', 'active', 1, 1)"
        )
        tx.exec_driver_sql(
            "INSERT INTO subscription (subscriber_id, digest, active, created) VALUES (1, 'letter', 1, 1)"
        )
        tx.exec_driver_sql("INSERT INTO private_feed (id, subscriber_id, secret_hash, created) VALUES (1, 1, 'h', 1)")
    back_up(site, tmp_path / "b.tar")
    site.close()
    restore(tmp_path / "b.tar", tmp_path / "new", clock=clock)
    new = open_site(tmp_path / "new", clock=clock)
    with new.store.read() as tx:
        assert migrate.current(tx) == migrate.head()
        assert tx.exec_driver_sql("SELECT id, source FROM article").all() == [("a", "")]
        # A migration makes the table of subscribers anew; nothing that refers to it goes with it.
        assert tx.exec_driver_sql("SELECT id, status FROM subscriber").all() == [(1, "active")]
        assert tx.exec_driver_sql("SELECT subscriber_id, digest FROM subscription").all() == [(1, "letter")]
        assert tx.exec_driver_sql("SELECT subscriber_id FROM private_feed").all() == [(1,)]
    new.close()


def test_an_occupied_site_is_refused_and_force_replaces_a_stopped_one(sending, tmp_path, clock):
    back_up(sending, tmp_path / "b.tar")
    directory = sending.settings.directory
    with pytest.raises(SiteError, match="is not empty; --force"):
        restore(tmp_path / "b.tar", directory, clock=clock)
    with sending.store.begin() as tx:
        meta.put(tx, meta.TICKED, f"{clock.now - 5:.0f}")
    with pytest.raises(SiteError, match="looked for work 5 seconds ago"):
        restore(tmp_path / "b.tar", directory, clock=clock, force=True)
    clock.now += 60
    with sending.store.begin() as tx:
        gone = subscribers.by_address(tx, "s3@example.org")
        bounced = subscribers.by_address(tx, "s4@example.org")
        subscribers.unsubscribe(tx, gone.id, now=clock())
        subscribers.suppress(tx, bounced.address, "bounced", now=clock())
    done = restore(tmp_path / "b.tar", directory, clock=clock, force=True)
    assert "publication.toml" in done.kept
    assert done.written == ()
    assert done.waits.learned == {
        "suppressions, from the replaced database": 1,
        "unsubscriptions, from the replaced database": 1,
    }
    assert done.waits.gap.total_seconds() == 60
    with sending.store.read() as tx:
        assert subscribers.by_address(tx, "s3@example.org").status == "unsubscribed"
        assert deliveries.account(tx, 1).pending == 20


def test_a_site_that_runs_is_refused(sending, tmp_path, clock):
    from publisher.pipeline.lock import site_lock

    back_up(sending, tmp_path / "b.tar")
    with site_lock(sending.settings.state), pytest.raises(SiteError, match="already running"):
        restore(tmp_path / "b.tar", sending.settings.directory, clock=clock, force=True)


def test_a_restore_that_fails_late_leaves_nothing_behind(sending, tmp_path, clock, monkeypatch):
    back_up(sending, tmp_path / "b.tar")
    if not sending.store.is_sqlite:
        shutil.copy(sending.settings.directory / "publication.toml", tmp_path)

    def broken(*_: object) -> None:
        raise SiteError("struck")

    monkeypatch.setattr("publisher.pipeline.waiting.mark", broken)
    with pytest.raises(SiteError, match="struck"):
        restore(tmp_path / "b.tar", tmp_path / "new", clock=clock, force=True)
    assert [path.name for path in (tmp_path / "new").iterdir()] in ([], ["state"])
    with sending.store.read() as tx:
        assert deliveries.account(tx, 1).pending == 20
        assert meta.get(tx, meta.RESTORED) is None


def test_a_row_a_line_and_a_sum_for_each_part(sending, tmp_path):
    import tarfile

    made = back_up(sending, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:  # any tar reads it
        names = tar.getnames()
        table = tar.extractfile("tables/subscriber.jsonl")
        assert table is not None
        lines = table.read().splitlines()
    assert (names[0], names[-1]) == ("masthead-backup", "manifest.json")
    assert len(lines) == 21
    assert "address" in json.loads(lines[0])
    assert len(made.manifest.parts) == len(names) - 2
