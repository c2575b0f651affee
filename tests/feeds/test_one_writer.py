"""Only one process builds the feeds at a time, and one that stands still does not stop the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from feeds.files import one_writer
from publisher.errors import FeedError

HOLDER = """
import sys, time
from pathlib import Path
from feeds.files import one_writer
with one_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_builder_that_was_stopped_is_waited_for_and_then_said(holder, tmp_path):
    os.kill(holder.pid, signal.SIGSTOP)
    with (
        pytest.raises(FeedError, match="another process has been writing the feeds"),
        one_writer(tmp_path / "lock", wait_seconds=0.2),
    ):
        pass


def test_when_the_builder_dies_the_next_one_goes_on(holder, tmp_path):
    holder.kill()
    holder.wait()
    with one_writer(tmp_path / "lock", wait_seconds=5):
        pass
