"""``masthead run`` as a newcomer meets it: real processes, the sample publication, Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MASTHEAD = [sys.executable, "-m", "publisher.cli"]
#: Generous, for a busy machine; the promise to people is ten seconds, and the bench measures it.
PATIENCE = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def group_of(process: subprocess.Popen) -> set[int]:
    """Every process below ``process``, its own id included."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = {process.pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def wait_for(what, seconds: float = PATIENCE):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := what():
                return found
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLES, tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def running(site: Path):
    port = free_port()
    log = (site.parent / "run.log").open("w+")
    process = subprocess.Popen(
        [*MASTHEAD, "run", "--site", str(site), "--port", str(port)],
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        yield process, port
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        log.close()


def test_the_sample_edition_is_sent_and_the_page_shows_it_and_ctrl_c_leaves_nothing(running, site):
    process, port = running
    outbox = site / "state" / "outbox" / "new"
    messages = wait_for(lambda: outbox.is_dir() and len(list(outbox.iterdir())) >= 3 and list(outbox.iterdir()))
    assert len(messages) == 3
    page = get(f"http://127.0.0.1:{port}/")
    for kind in ("feed.rss", "feed.atom", "feed.json"):
        assert kind in page

    second = subprocess.run(
        [*MASTHEAD, "run", "--site", str(site), "--port", str(free_port())], capture_output=True, text=True, cwd=ROOT
    )
    assert second.returncode == 1
    assert f"already running (process {process.pid})" in " ".join(second.stderr.split())
    assert "Traceback" not in second.stderr

    everyone = group_of(process)
    assert len(everyone) >= 3
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    wait_for(lambda: not any(alive(pid) for pid in everyone), 5)
    assert len(list(outbox.iterdir())) == 3


#: Modules that the program or what is under it may load late; a site that holds files of these names is hostile.
FOREIGN = ("json", "sqlite3", "celery", "kombu", "celeryconfig", "alembic", "httpx", "feedgen", "premailer", "lxml")
FOREIGN += ("brotli", "psycopg", "redis", "usercustomize", "tzdata", "h11", "worker", "feeds", "publisher")


def test_python_files_in_a_site_are_not_imported(site):
    for name in FOREIGN:
        (site / f"{name}.py").write_text(f"open({str(site / 'imported.txt')!r}, 'a').write({name!r})\n")
    port = free_port()
    # As the console script starts: its own folder comes first, not the one that one stands in.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "publisher.cli", "run", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        outbox = site / "state" / "outbox" / "new"
        wait_for(lambda: outbox.is_dir() and len(list(outbox.iterdir())) >= 3)
        get(f"http://127.0.0.1:{port}/feeds")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert not (site / "imported.txt").exists()


def test_killed_without_a_word_it_leaves_no_process_behind(running):
    process, port = running
    wait_for(lambda: get(f"http://127.0.0.1:{port}/healthz"))
    everyone = group_of(process)
    process.kill()
    process.wait(10)
    wait_for(lambda: not any(alive(pid) for pid in everyone), 20)


def test_a_taken_port_is_one_line_and_no_traceback(site):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = subprocess.run(
            [*MASTHEAD, "run", "--site", str(site), "--port", str(port)], capture_output=True, text=True, cwd=ROOT
        )
    assert found.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in " ".join(found.stderr.split())
    assert "Traceback" not in found.stderr


def test_init_then_publish_then_publish_again(tmp_path):
    site = tmp_path / "letter"
    made = subprocess.run([*MASTHEAD, "init", str(site), "--title", 'A "Quoted" Title'], capture_output=True, cwd=ROOT)
    assert made.returncode == 0, made.stderr
    shutil.copy(EXAMPLES / "subscribers.csv", site / "subscribers.csv")
    results = []
    for _ in range(2):
        run = subprocess.run(
            [*MASTHEAD, "publish", "--site", str(site), "--json"], capture_output=True, text=True, cwd=ROOT
        )
        assert run.returncode == 0, run.stderr
        results.append(json.loads(run.stdout))
    assert (results[0]["articles"]["new"], results[0]["digests"]["sent"]) == (2, 3)
    assert (results[1]["articles"]["new"], results[1]["digests"]["sent"]) == (0, 0)


def test_init_into_a_directory_that_is_not_empty_is_refused_in_one_line(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    found = subprocess.run([*MASTHEAD, "init", str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 1
    assert "is not empty" in " ".join(found.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_publish_says_where_no_site_is(tmp_path):
    found = subprocess.run([*MASTHEAD, "publish", "--site", str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 1
    assert "masthead init" in " ".join(found.stderr.split())
    assert "Traceback" not in found.stderr


def test_a_public_site_says_once_that_its_desk_is_not_served_and_serves_none(site):
    file = site / "publication.toml"
    text = file.read_text(encoding="utf-8")
    assert 'base_url = "http://127.0.0.1:8000"' in text
    file.write_text(text.replace('base_url = "http://127.0.0.1:8000"', 'base_url = "https://slow.example"'))
    port = free_port()
    with (site.parent / "public.log").open("w+") as log:
        process = subprocess.Popen(
            [*MASTHEAD, "run", "--site", str(site), "--port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200"},
        )
        try:
            page = wait_for(lambda: get(f"http://127.0.0.1:{port}/"))
            assert "The desk" not in page
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(f"http://127.0.0.1:{port}/metrics")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        log.seek(0)
        assert log.read().count("the desk is not served") == 1
