"""Packages that claim to be typed carry the marker that type checkers look for (PEP 561)."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("package", PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
def test_each_package_of_the_wheel_carries_the_marker(package):
    assert "Typing :: Typed" in PROJECT["project"]["classifiers"]
    assert (ROOT / package / "py.typed").is_file()
