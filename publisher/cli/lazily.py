"""Commands that are loaded when they are called: ``masthead version`` and ``--help`` load no other.

A command stands in the table with its one line of help, so that listing the commands loads none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import typer
from typer._click import Command, Context, HelpFormatter
from typer.core import TyperGroup
from typer.main import get_command

#: The commands of one module by name: functions, or a group of commands.
Family = Mapping[str, Callable[..., None] | typer.Typer]


class Entry(NamedTuple):
    """One command of the table."""

    #: The first sentence of the command's docstring, as the list of commands shows it.
    help: str
    #: Imports the command's module.
    load: Callable[[], Family]


def group_of(entries: dict[str, Entry]) -> type[TyperGroup]:
    """A group of commands, in the order of the table; each is imported when it is called."""

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Context) -> list[str]:
            return list(entries)

        def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
            entry = entries.get(cmd_name)
            return None if entry is None else _command(cmd_name, entry)

        def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
            with formatter.section("Commands"):
                formatter.write_dl([(name, entry.help) for name, entry in entries.items()])

    return LazyGroup


def new_app(**options: Any) -> typer.Typer:
    """A Typer application with our ways: plain help (rich's costs as much as Typer itself), no completion."""
    return typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=True, **options
    )


def _command(name: str, entry: Entry) -> Command:
    loaded = entry.load()[name]
    if isinstance(loaded, typer.Typer):
        command = get_command(loaded)
        command.name = name
        return command
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(name)(loaded)
    return get_command(alone)
