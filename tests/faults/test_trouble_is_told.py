"""A relay that cannot be reached: what one process learns, every other process tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.factories import write_site
from tests.fakes.relay import FaultyRelay

LONG = os.environ.get("FAULTS") == "long"


def masthead(site: Path, *words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "publisher.cli", *words, "--site", str(site)]


def status(site: Path) -> list[dict[str, Any]]:
    done = subprocess.run(masthead(site, "status", "--json"), capture_output=True, text=True, timeout=60, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_what_a_sender_hears_is_told_by_status_until_the_relay_is_back(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        relay.stop()
        mail = {"transport": "smtp", "host": "127.0.0.1", "port": relay.port, "security": "none"}
        write_site(tmp_path, digests=[{"name": "letter"}], mail=mail)
        (tmp_path / "articles" / "one.md").write_text("---\ntitle: One\ndate: 2026-11-01\n---\nWords.\n")
        (tmp_path / "subscribers.csv").write_text("address\nanna@example.org\n")
        for _ in range(3 if LONG else 1):
            sender = subprocess.Popen(masthead(tmp_path, "publish"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                deadline = time.monotonic() + 60
                while not ((found := status(tmp_path)) and found[0]["trouble"]):
                    assert time.monotonic() < deadline, found
                assert "refused" in found[0]["trouble"]["reply"]
                assert found[0]["trouble"]["since"] <= time.time()
            finally:
                sender.send_signal(signal.SIGTERM)
                sender.communicate(timeout=60)
            assert status(tmp_path)[0]["trouble"]  # it stands when who heard it is gone
        relay.start()
        deadline = time.monotonic() + 120
        while status(tmp_path)[0]["pending"]:
            assert time.monotonic() < deadline
            last = subprocess.run(masthead(tmp_path, "publish"), capture_output=True, timeout=90)
        assert last.returncode == 0
        (one,) = status(tmp_path)
        assert (one["sent"], one["trouble"]) == (1, None)
