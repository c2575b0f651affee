"""ARCHITECTURE.md is the tree as it is: each room has its line, each file exists, the floors are the contract's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
#: Folders of the project's top whose rooms are listed.
TOPS = ("publisher", "feeds", "worker")


def block(name: str) -> list[str]:
    """The lines of the fenced block that follows the heading ``name``."""
    found = re.search(rf"^## {re.escape(name)}$.*?^```\w*\n(.*?)^```", PAGE, re.M | re.S)
    assert found, name
    return [line for line in found[1].splitlines() if line.strip()]


def rooms_on_the_page() -> dict[str, str]:
    """``path → what it is for`` of every line of the tree that names a folder."""
    rooms = {}
    for line in block("The tree"):
        path, _, said = line.strip().partition(" ")
        if path.endswith("/"):
            rooms[path.rstrip("/")] = said.strip()
    return rooms


def rooms_in_the_tree() -> set[str]:
    packages = {path.parent for top in TOPS for path in (ROOT / top).rglob("*.py")}
    found = {path.relative_to(ROOT).as_posix() for path in packages}
    found |= {f"templates/{path.name}" for path in (ROOT / "templates").iterdir() if path.is_dir()}
    return {path for path in found if "/migrations/" not in path}


def test_every_room_has_its_line_and_no_line_lacks_its_room():
    named = {path for path in rooms_on_the_page() if path.split("/")[0] in (*TOPS, "templates")}
    assert named - {"templates"} == rooms_in_the_tree()


def test_every_line_says_what_the_room_is_for():
    assert [path for path, said in rooms_on_the_page().items() if len(said) < 12] == []


def test_only_the_model_and_the_errors_lie_outside_a_room():
    loose = {path.name for path in (ROOT / "publisher").glob("*.py")}
    assert loose == {"__init__.py", "model.py", "errors.py"}


def test_the_floors_are_those_of_the_import_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert [line.strip() for line in block("Who may import whom")] == [
        layer.replace("publisher.", "") for layer in layers
    ]


NAMED = sorted(set(re.findall(r"`((?:publisher|feeds|worker|templates|tests|bench|deploy|docs)/[\w./-]+)`", PAGE)))


@pytest.mark.parametrize("path", NAMED)
def test_every_path_it_names_exists(path):
    assert (ROOT / path).exists()


def test_it_tells_the_five_journeys():
    journeys = re.findall(r"^### (.+)$", PAGE, re.M)
    assert len(journeys) >= 5
