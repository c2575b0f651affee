"""A site is opened: by several processes at once, and not where it cannot be written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from publisher.errors import SiteError
from publisher.pipeline.site import make_writable


def test_many_who_open_a_site_at_once_do_not_take_each_others_probe_away(tmp_path):
    def open_often(_: int) -> None:
        for _ in range(150):
            make_writable(tmp_path / "state")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_often, range(8)))
    assert list((tmp_path / "state").iterdir()) == []


def test_a_state_directory_that_cannot_be_made_is_one_line_that_says_what_to_do(tmp_path):
    (tmp_path / "state").write_text("a file in its place")
    with pytest.raises(SiteError, match=r"cannot be written: .*; make it writable"):
        make_writable(tmp_path / "state")


def test_a_place_where_nobody_can_write_is_refused():
    with pytest.raises(SiteError, match="cannot be written"):
        make_writable(Path("/proc/masthead"))
