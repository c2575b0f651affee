"""Commands load what they need and no more. Modules are counted, not seconds: a busy machine cannot blur them."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest
import typer

import publisher
from publisher.cli.main import COMMANDS
from tests import factories

HEAVY = {"alembic", "celery", "feedgen", "httpx", "jinja2", "lxml", "markdown_it", "nh3", "premailer", "pydantic"}
HEAVY |= {"PIL", "rich", "sqlalchemy", "starlette", "uvicorn"}


def modules_of(code: str) -> set[str]:
    """The modules that a new interpreter has loaded after running ``code``."""
    script = (
        f"import sys, json\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint()\nprint(json.dumps([*sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def running(*arguments: str) -> str:
    return f"sys.argv = ['masthead', *{arguments!r}]; from publisher.cli import main; main()"


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_printed_by_either_word(word):
    done = subprocess.run([sys.executable, "-m", "publisher.cli", word], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{publisher.__version__}\n")


@pytest.mark.parametrize("arguments", [("version",), ("--version",), ("--help",)])
def test_version_and_help_load_little_more_than_typer(arguments):
    loaded = modules_of(running(*arguments))
    assert not HEAVY & loaded
    more = loaded - modules_of("import typer")
    assert len(more) <= 25, sorted(more)


def test_status_loads_nothing_that_reads_articles_renders_or_speaks_to_the_world(tmp_path):
    site = factories.write_site(tmp_path)
    loaded = modules_of(running("status", "--site", str(site)))  # the first makes the database
    loaded = modules_of(running("status", "--site", str(site)))
    assert "publisher.pipeline.operating" in loaded
    assert not (HEAVY - {"pydantic", "rich", "sqlalchemy"}) & loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_command_itself_says(name):
    loaded = COMMANDS[name].load()[name]
    said = loaded.info.help if isinstance(loaded, typer.Typer) else inspect.getdoc(loaded)
    assert COMMANDS[name].help == said.split("\n\n")[0].replace("\n", " ")


def test_a_command_that_does_not_exist_is_a_wrong_command_line():
    done = subprocess.run([sys.executable, "-m", "publisher.cli", "publsh"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "No such command 'publsh'" in done.stderr
