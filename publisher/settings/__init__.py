"""``publication.toml`` and the environment become one validated, frozen :class:`Settings`.

::

    publication.toml ─┐
    MASTHEAD_* ───────┴→ merge → validate → Settings     or one line: key, value, what was expected

Each table of the file is one model in this package. An unknown key is an error, so that a typing mistake
never passes silently. A secret is never written in the file: it is ``{ env = "NAME" }`` or
``{ file = "path" }`` and is read at the moment it is needed.

An environment variable ``MASTHEAD_<TABLE>__<KEY>`` overrides ``[table] key`` (both in capitals), for
instance ``MASTHEAD_DATABASE__URL``; its value is read as TOML where it parses as such, else as text.
"""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from publisher.errors import SettingsError
from publisher.model import Publication
from publisher.settings.base import Secret, Table, describe_table, hides_input
from publisher.settings.channels import ChannelSettings
from publisher.settings.design import DesignSettings
from publisher.settings.digests import DigestSettings
from publisher.settings.feedback import FeedbackSettings
from publisher.settings.feeds import FeedSettings, FeedsSettings, WebSubSettings
from publisher.settings.mail import MailSettings, SenderSettings
from publisher.settings.net import NetSettings
from publisher.settings.publication import AudienceSettings, PublicationSettings, SourceSettings
from publisher.settings.renamed import rename
from publisher.settings.runtime import DatabaseSettings, WebSettings, WorkerSettings
from publisher.settings.subscribing import SubscribingSettings
from publisher.settings.tracking import TrackingSettings

__all__ = ["Secret", "Settings", "describe_settings", "load_settings"]

FILE_NAME = "publication.toml"
ENVIRONMENT_PREFIX = "MASTHEAD_"

log = logging.getLogger(__name__)


class Settings(Table):
    """Everything an operator decides, plus ``directory``: the directory it was read from."""

    directory: Path = Field(
        default=Path("."), exclude=True, description="The site directory; set by --site, never in the file."
    )
    publication: PublicationSettings
    sender: SenderSettings
    design: DesignSettings = Field(default_factory=DesignSettings)
    sources: tuple[SourceSettings, ...] = Field(
        default=(SourceSettings(),), description="Where articles are read from."
    )
    feed: FeedSettings = Field(default_factory=FeedSettings)
    feeds: tuple[FeedsSettings, ...] = Field(default=(), description="Feeds beside the standard ones.")
    websub: WebSubSettings = Field(default_factory=WebSubSettings)
    digests: tuple[DigestSettings, ...] = Field(default=(DigestSettings(),), description="Editions sent as e-mail.")
    channels: tuple[ChannelSettings, ...] = Field(default=(), description="Places that articles are posted to.")
    audience: AudienceSettings = Field(default_factory=AudienceSettings)
    subscribing: SubscribingSettings = Field(default_factory=SubscribingSettings)
    feedback: FeedbackSettings = Field(default_factory=FeedbackSettings)
    tracking: TrackingSettings = Field(default_factory=TrackingSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    net: NetSettings = Field(default_factory=NetSettings)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Settings:
        for table, names in (
            ("digests", [digest.name for digest in self.digests]),
            ("channels", [channel.name for channel in self.channels]),
            ("feeds", [feed.name for feed in self.feeds]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f'[[{table}]] name = "{name}" stands twice; each needs a name of its own')
        return self

    def as_publication(self) -> Publication:
        """The publication as the other rooms know it."""
        p = self.publication
        return Publication(
            id=p.id or p.base_url,
            title=p.title,
            base_url=p.base_url,
            language=p.language,
            description=p.description,
            timezone=p.timezone,
            author=p.author,
            logo_url=self.design.logo,
            copyright=p.copyright,
        )

    @property
    def state(self) -> Path:
        """The directory that is ours: database, outbox, built feeds."""
        return self.directory / "state"

    @property
    def journal(self) -> Path:
        """The directory of the senders' journals."""
        return self.directory / self.worker.journal

    @property
    def database_url(self) -> str:
        """An SQLAlchemy URL; SQLite inside ``state/`` unless ``[database] url`` says otherwise."""
        return self.database.url or f"sqlite:///{self.state / 'masthead.db'}"


def load_settings(directory: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read ``directory/publication.toml``.

    :raises SettingsError: one line that names the file, the key, its value and what was expected.
    """
    path = directory / FILE_NAME
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"no {FILE_NAME} in {directory}; make one with: masthead init {directory}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    _override(raw, os.environ if environment is None else environment)
    for line in rename(raw):
        _warn_once(f"{path}: {line}")
    if "directory" in raw:
        raise SettingsError(f"{path}: directory: unknown key")
    try:
        return Settings.model_validate({**raw, "directory": directory.resolve()})
    except ValidationError as error:
        raise SettingsError(f"{path}: {_one_line(error)}") from None


@lru_cache(maxsize=256)
def _warn_once(line: str) -> None:
    log.warning("%s", line)


def _override(raw: dict[str, object], environment: Mapping[str, str]) -> None:
    for name, text in environment.items():
        table, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if not name.startswith(ENVIRONMENT_PREFIX) or not separator:
            continue
        keys = raw.setdefault(table, {})
        if not isinstance(keys, dict):
            continue
        try:
            value: object = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        keys[key] = value


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ""
    for part in first["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    message = first["msg"].removeprefix("Value error, ")
    more = error.error_count() - 1
    tail = f" (and {more} more)" if more else ""
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; docs/settings.md lists every setting{tail}"
    if first["type"] == "missing":
        return f"{key}: missing; a value is required{tail}"
    if not key:
        return f"{message}{tail}"
    if hides_input(first):
        return f"{key}: {message}{tail}"
    shown = repr(first["input"])
    return f"{key} = {shown if len(shown) <= 80 else shown[:77] + '…'}: {message}{tail}"


def describe_settings() -> Iterator[tuple[str, str, str]]:
    """Each setting as ``(key, default, description)``, in the order of the file; for the table in docs/settings.md."""
    for row in describe_table(Settings):
        if row[0] != "directory":
            yield row
