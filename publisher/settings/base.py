"""What every table of ``publication.toml`` shares: strict, frozen, and secrets that are never shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from publisher.errors import SettingsError

IN_THE_CLEAR = 'a secret never stands in publication.toml: write { env = "NAME" } or { file = "path" }'


class Table(BaseModel):
    """A table of the file: unknown keys are errors, values cannot change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=False)


class FamilyTable(Table):
    """A table whose ``kind`` names a member of a family: its other keys are that member's own ``Options``.

    They are kept as they stand and read by the room that has the family, with :func:`read_options`.
    """

    model_config = ConfigDict(extra="allow")

    @property
    def options(self) -> dict[str, object]:
        """The keys that this table itself does not know."""
        return dict(self.model_extra or {})


OptionsT = TypeVar("OptionsT", bound=Table)


def read_options(options: type[OptionsT], values: Mapping[str, object], *, where: str, label: str) -> OptionsT:
    """The options of one member of a family.

    :param where: the table as an operator knows it, for the message: ``channels[news].options``.
    :param label: what the member is called in messages.
    :raises SettingsError: one line that names key, value and what was expected; never a secret.
    """
    try:
        return options.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    key = where + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = "; {label} knows " + (", ".join(options.model_fields) or "none") if len(first["loc"]) == 1 else ""
        raise SettingsError(f"{key}: unknown key{known.format(label=label)}")
    if first["type"] == "missing":
        raise SettingsError(f"{key}: missing; a value is required")
    if hides_input(first):
        raise SettingsError(f"{key}: {message}")
    raise SettingsError(f"{key} = {first['input']!r}: {message}")


def hides_input(error: ErrorDetails) -> bool:
    """Whether a message leaves the input of ``error`` out: a secret, or a table or list that may hold one; pure."""
    return error["type"] == "secret_in_file" or isinstance(error["input"], (Mapping, list, tuple))


def read_options_among(
    options: type[OptionsT],
    values: Mapping[str, object],
    *,
    siblings: Callable[[], Iterable[type[Table]]],
    where: str,
    label: str,
) -> OptionsT:
    """As :func:`read_options`, in a table that keeps the keys of members that are not chosen at the moment.

    A key that only a sibling knows is left alone, so that another member can be chosen by one line (or for one
    command, from the environment) and the rest of the table stays.

    :param siblings: the ``Options`` of all members; asked only when there is a key that ``options`` does not know.
    """
    idle = set(values) - set(options.model_fields)
    if idle:
        idle &= {name for sibling in siblings() for name in sibling.model_fields}
    chosen = {name: value for name, value in values.items() if name not in idle}
    return read_options(options, chosen, where=where, label=label)


class Secret(Table):
    """A value that stands in the environment or in a file of its own, never in ``publication.toml``."""

    env: str = ""
    file: str = ""

    @model_validator(mode="before")
    @classmethod
    def _not_in_the_clear(cls, value: object) -> object:
        if not isinstance(value, (Mapping, Secret)):
            raise PydanticCustomError("secret_in_file", IN_THE_CLEAR)
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Secret:
        if bool(self.env) == bool(self.file):
            raise ValueError('expected exactly one of { env = "NAME" } and { file = "path" }')
        return self

    def reveal(self, site: Path | None = None) -> str:
        """The secret itself, white space trimmed.

        :param site: relative file names are relative to it.
        :raises SettingsError: the variable is not set or the file cannot be read; the message names only where.
        """
        if self.env:
            value = os.environ.get(self.env, "").strip()
            if not value:
                raise SettingsError(f"the environment variable {self.env} is not set")
            return value
        path = (site or Path(".")) / self.file
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"the secret file {path} cannot be read: {error.strerror}") from None


def _http_url(value: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError("expected an absolute http or https URL")
    return value


def _http_url_or_empty(value: str) -> str:
    return _http_url(value) if value else value


def _name(value: str) -> str:
    import re

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", value):
        raise ValueError("expected lower-case letters, digits, - and _, at most 63 characters")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
OptionalHttpUrl = Annotated[str, AfterValidator(_http_url_or_empty)]
Name = Annotated[str, AfterValidator(_name)]


def describe_table(model: type[Table], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Each key of a table, and of the tables in it, as ``(key, default, description)``."""
    for name, field in model.model_fields.items():
        inner = _table_of(field.annotation)
        if inner is not None:
            many = "tuple" in str(field.annotation)
            yield from describe_table(inner, f"{prefix}{name}{'[]' if many else ''}.")
            continue
        default = "required" if field.is_required() else repr(field.get_default(call_default_factory=True))
        yield f"{prefix}{name}", default, field.description or ""


def _table_of(annotation: object) -> type[Table] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, Table) and annotation is not Secret else None
    for argument in getattr(annotation, "__args__", ()):
        found = _table_of(argument)
        if found is not None:
            return found
    return None
