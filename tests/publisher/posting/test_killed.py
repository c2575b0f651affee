"""kill -9 between send and commit, on a real process: never a second post."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from publisher.channels import load
from publisher.model import PostStatus
from publisher.posting.rounds import LEASE_SECONDS
from tests.fakes import FAKES
from tests.publisher.posting.conftest import article

CHILD = """
import sys, json
from publisher.settings import Settings
from publisher.store import open_store
from publisher.posting import send_due
from pathlib import Path
raw = json.loads(Path(sys.argv[1]).read_text())
settings = Settings.model_validate(raw)
print("ready", flush=True)
send_due(open_store(sys.argv[2]), settings)
print("done", flush=True)
"""


def test_a_process_killed_between_send_and_commit_posts_nothing_twice(site_of: Any, tmp_path: Path) -> None:
    site = site_of(*FAKES.values())
    site.queue(article())
    for fake in site.fakes.values():
        fake.faults.append("hold")
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({**site.settings.model_dump(mode="json"), "directory": str(tmp_path)}))
    command = [sys.executable, "-c", CHILD, str(file), f"sqlite:///{tmp_path / 'masthead.db'}"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    try:
        for name, fake in site.fakes.items():
            assert fake.arrived.wait(60), name
        child.send_signal(signal.SIGKILL)
        out, _ = child.communicate(timeout=30)
    finally:
        child.kill()
        for fake in site.fakes.values():
            fake.release()
    assert out == "ready\n"
    assert {site.row(name).status for name in FAKES} == {PostStatus.SENDING}
    site.send()  # nobody takes over while the dead process might still live
    assert {site.row(name).status for name in FAKES} == {PostStatus.SENDING}
    site.clock.advance(LEASE_SECONDS + 1)
    site.settle()
    for name, fake in site.fakes.items():
        assert len(fake.holds) == 1, name
        expected = PostStatus.UNKNOWN if load(name).looks is None else PostStatus.PUBLISHED
        assert site.row(name).status == expected, name
