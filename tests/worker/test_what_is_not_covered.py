"""A worker says at start which of the mail that comes back is not read."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests import factories
from worker.__main__ import run


@pytest.mark.parametrize(
    ("mail", "said"),
    [({"transport": "smtp", "host": "relay.example"}, "bounces and complaints are not read"), ({}, "")],
)
def test_a_worker_says_at_start_what_is_not_covered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mail: dict[str, str], said: str
) -> None:
    settings = factories.settings(tmp_path, mail=mail)
    settings.state.parent.mkdir(parents=True, exist_ok=True)
    settings.state.write_text("a file where the directory should be: the worker ends before it begins")
    with caplog.at_level(logging.WARNING, "worker.__main__"):
        assert run(settings) == 1
    assert bool(caplog.records) == bool(said)
    assert said in caplog.text
