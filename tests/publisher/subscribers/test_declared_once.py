"""A made-up preference: one line of declaration, one column and its migration, and everything else follows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DECLARATION = """\
    pace: Annotated[str, OneOf(values=(("brisk", "Brisk"), ("calm", "Calm")), label="Pace", group="pace")] = "brisk"

    def subscription(self,"""
COLUMN = """\
    _preference("pace", Text, "brisk"),
    _preference("paused_until","""
MIGRATION = '''"""A made-up column."""

import sqlalchemy as sa
from alembic import op

revision = "made_up"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscription", sa.Column("pace", sa.Text(), server_default="brisk", nullable=False))
'''
SCENARIO = """
import io, sys
from dataclasses import replace
from pathlib import Path

from starlette.testclient import TestClient

import publisher
from publisher.settings import load_settings
from publisher.lib import links
from publisher.store import open_store
from publisher.subscribers import personal_links, standing
from publisher.subscribers.interchange import export_subscribers, import_file
from publisher.pipeline.site import Site
from publisher.web.app import create_app

HERE = Path(sys.argv[1])
assert Path(publisher.__file__).is_relative_to(HERE), publisher.__file__


def open_site(name):
    site = HERE / name
    (site / "state").mkdir(parents=True)
    (site / "publication.toml").write_text(
        '[publication]\\ntitle = "Post"\\nbase_url = "https://post.example"\\n[sender]\\naddress = "a@post.example"\\n'
    )
    settings = load_settings(site)
    return settings, open_store(settings.database_url)


settings, store = open_site("site")
client = TestClient(create_app(Site(settings, store)))

# The form of new subscribers, and the endpoint for programs.
page = client.get("/subscribe").text
assert '<select id="pace" name="pace">' in page and '<label for="pace">Pace</label>' in page, page
refused = client.post("/api/subscribe", json={"address": "ada@example.org", "pace": "wild"})
assert refused.json()["fields"] == {"pace": "Choose one of: brisk, calm."}, refused.text
assert client.post("/api/subscribe", json={"address": "ada@example.org", "pace": "calm"}).status_code == 202
with store.begin() as tx:
    created = tx.exec_driver_sql("SELECT created FROM signup").scalar()
confirm = personal_links.confirm_url(settings, personal_links.keyring_of(store), 1, created)
assert client.post(confirm.removeprefix("https://post.example")).status_code == 200
assert standing.find(store, 1, now=created).wishes.pace == "calm"

# The preferences page shows it and saves it.
mine = links.preferences_url("", personal_links.keyring_of(store), 1)
assert '<option value="calm" selected>Calm</option>' in client.get(mine).text
assert client.post(mine, data={"pace": "brisk"}).status_code == 200
assert standing.find(store, 1, now=created).wishes.pace == "brisk"
assert client.post(mine, data={"pace": "calm"}).status_code == 200
assert client.get(mine + "/data.json").json()["preferences"]["pace"] == "calm"

# Out as CSV and JSON, and in elsewhere.
for kind in ("csv", "json"):
    out = io.StringIO()
    export_subscribers(store, out, now=created, kind=kind)
    file = HERE / f"subscribers.{kind}"
    file.write_text(out.getvalue())
    _, other = open_site(f"other-{kind}")
    report = import_file(other, file, digests=("digest",), now=created)
    assert (report.new, report.bad) == (1, 0), report
    assert standing.find(other, 1, now=created).wishes.pace == "calm"
bad = HERE / "bad.csv"
bad.write_text("address,pace\\nbo@example.org,wild\\n")
(row,) = import_file(store, bad, digests=("digest",), now=created).bad_rows
assert row.reason == "pace = 'wild': Choose one of: brisk, calm.", row
"""


def written(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is in {path.name} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the program with one more preference."""
    for name in ("publisher", "feeds", "worker", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    written(tmp_path / "publisher/subscribers/wishes.py", "    def subscription(self,", DECLARATION)
    written(tmp_path / "publisher/store/tables.py", '    _preference("paused_until",', COLUMN)
    versions = tmp_path / "publisher/store/migrations/versions"
    texts = [one.read_text(encoding="utf-8") for one in versions.glob("*.py")]
    ids = {found[1] for text in texts if (found := re.search(r'^revision(?:: \w+)? = "(\w+)"', text, re.M))}
    taken = {found[1] for text in texts if (found := re.search(r'^down_revision(?:: .*?)? = "(\w+)"', text, re.M))}
    (newest,) = ids - taken
    (versions / "9999_made_up.py").write_text(MIGRATION.format(newest=newest), encoding="utf-8")
    (tmp_path / "scenario.py").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


def test_a_made_up_preference_is_declared_once_and_found_everywhere(tree: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "scenario.py", str(tree)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
