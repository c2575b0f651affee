"""``masthead run`` before anything is started: one clear line for what cannot be."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from publisher.cli.supervisor import bind
from publisher.errors import SiteError
from publisher.pipeline.lock import site_lock


def test_a_taken_port_is_named_with_the_way_out():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SiteError, match=rf"port {port} on 127\.0\.0\.1 is taken.*--port") as caught:
            bind("127.0.0.1", port)
    assert "\n" not in str(caught.value)


def test_an_address_that_is_not_of_this_machine_is_named():
    with pytest.raises(SiteError, match=r"cannot listen on 192\.0\.2\.1:8000"):
        bind("192.0.2.1", 8000)


def test_a_second_run_on_the_same_site_names_the_first(tmp_path):
    state = tmp_path / "state"
    refusal = rf"already running \(process {os.getpid()}\)"
    with site_lock(state), pytest.raises(SiteError, match=refusal), site_lock(state):
        raise AssertionError("the lock was given twice")
    with site_lock(state):
        pass  # and it is free again afterwards


def test_a_directory_that_nobody_may_write_is_named():
    # /proc refuses new entries to everybody, root too.
    nowhere = Path("/proc/masthead/state")
    with pytest.raises(SiteError, match="cannot be written"), site_lock(nowhere):
        pass


def test_a_directory_that_is_a_file_is_named(tmp_path):
    (tmp_path / "site").write_text("not a directory")
    with pytest.raises(SiteError, match=r"site.*cannot be written"), site_lock(tmp_path / "site" / "state"):
        pass
