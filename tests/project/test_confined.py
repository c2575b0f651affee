"""What the units of deploy/systemd forbid is nothing that Masthead does."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import absent
from tests.project.confined import allowed

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
CONFINED = ROOT / "tests" / "project" / "confined.py"
#: Ten times the exposure that systemd-analyze may find; docs/running.md names the level.
MOST_EXPOSED = 15

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def _systemd():
    if shutil.which("systemd-analyze") is None:
        absent("systemd")


def under(unit: Path, *command: str, **more):
    return subprocess.Popen(
        [sys.executable, str(CONFINED), str(unit), sys.executable, "-P", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def site(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "site", ignore=shutil.ignore_patterns("state"))
    return tmp_path / "site"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_hardened(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", str(unit)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-200:]


def test_the_docs_name_the_level():
    text = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    shown = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS[-1])], capture_output=True, text=True
    ).stdout
    level = shown.rpartition(": ")[2].split()[0]
    assert f"`systemd-analyze security` rates them {level}" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_says_nothing_that_systemd_does_not_know(unit, tmp_path):
    text = unit.read_text(encoding="utf-8").replace("/opt/masthead/bin/", "/usr/bin/")
    program = text.partition("ExecStart=")[2].split()[0]
    copy = tmp_path / unit.name
    copy.write_text(text.replace(program, "/usr/bin/true"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True)
    assert unit.name not in done.stderr, done.stderr


@pytest.mark.parametrize(
    "attempt",
    [
        "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
        "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "import os; os.chroot('/')",
    ],
)
def test_the_filter_refuses_what_it_should(attempt):
    process = under(UNITS[0], "-c", attempt)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "PermissionError" in said


def test_the_process_that_inlines_may_limit_itself():
    assert {"setrlimit", "prlimit64"} <= allowed(UNITS[0])


def test_a_whole_flow_runs(site):
    process = under(ROOT / "deploy/systemd/masthead.service", "-m", "publisher.cli", "publish", "--site", str(site))
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert (site / "state/feeds/feed.atom").exists()
    assert list((site / "state/outbox/new").iterdir())


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_web_and_workers_run_and_stop(site, pool):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = under(
        ROOT / "deploy/systemd/masthead.service",
        "-m",
        "publisher.cli",
        "run",
        "--site",
        str(site),
        MASTHEAD_WEB__PORT=port,
        MASTHEAD_WORKER__POOL=pool,
    )
    try:
        until = time.monotonic() + 90
        while not (_is_served(port) and _has_ticked(site)):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < until
            time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert "Operation not permitted" not in said
    assert "Traceback" not in said


def _is_served(port: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    return False


def _has_ticked(site: Path) -> bool:
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{site}/state/masthead.db?mode=ro", uri=True)) as database,
    ):
        return database.execute("SELECT 1 FROM meta WHERE name = 'ticked'").fetchone() is not None
    return False
