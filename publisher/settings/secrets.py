"""Which secrets the settings name, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from publisher.settings.base import FamilyTable, Secret
from publisher.settings.channels import ChannelSettings


def named_secrets(table: BaseModel) -> Iterator[Secret]:
    """Every secret in a table and the tables below it.

    Options of a family's member are read later by their room: there a secret still looks as it does in the file.
    Anywhere else a table with the one key ``file`` is just that.
    """
    for name in type(table).model_fields:
        if not (isinstance(table, ChannelSettings) and name == "options"):
            yield from _in_setting(getattr(table, name))
    if isinstance(table, FamilyTable | ChannelSettings):
        for value in table.options.values():
            yield from _in_option(value)


def _in_setting(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, BaseModel):
        yield from named_secrets(value)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _in_setting(each)


def _in_option(value: object) -> Iterator[Secret]:
    if isinstance(value, list):
        for each in value:
            yield from _in_option(each)
    elif isinstance(value, dict):
        if set(value) in ({"file"}, {"env"}) and all(isinstance(each, str) and each for each in value.values()):
            yield Secret(**value)
        for each in value.values():
            yield from _in_option(each)
