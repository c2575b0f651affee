"""What a channel is: pure measures and requests, and a few calls around them.

::

    Draft ─ requests(draft) ──→ the exact requests               pure; what a dry run prints
          ─ publish(draft, line) ──→ Remote                      the same requests, sent
          ─ find(draft, line) ──→ Remote | None                  read back after a lost reply
          ─ update(remote, draft, line) ──→ Remote               an edit, in place

A kind is one file with a class ``Channel(BaseChannel)``; its file name is its kind-name. ``looks`` says what
may be done after a reply was lost:

- ``0``: the platform knows our key, so sending again gives the same post;
- ``n``: look ``n`` times, some time apart; when none finds it, it is sent again;
- ``None``: nobody can tell; the post stays *unknown* and a person decides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal

from publisher.channels import _spans
from publisher.channels._instants import seconds_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import Part, PlatformRequest
from publisher.channels._vault import Vault
from publisher.errors import (
    ChannelError,
    CredentialsRefused,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    SettingsError,
)
from publisher.settings.base import Secret, Table, read_options
from publisher.settings.channels import ChannelSettings


@dataclass(frozen=True, slots=True)
class Facet:
    """A link, tag or mention; ``start`` and ``end`` in the platform's own unit, ``end`` exclusive."""

    start: int
    end: int
    kind: Literal["link", "tag", "mention"]
    value: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image already fitted to the channel; ``url`` is where it came from."""

    data: bytes = field(repr=False)
    media_type: str
    alt: str
    width: int
    height: int
    url: str

    @property
    def filename(self) -> str:
        return "image." + {"image/jpeg": "jpg", "image/png": "png"}.get(self.media_type, "bin")


@dataclass(frozen=True, slots=True)
class Remote:
    """A post as its platform knows it. ``version`` is what a request must name besides the id (Bluesky's CID)."""

    id: str
    url: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """One post, decided: everything that its requests are made of.

    ``key`` (64 hex digits) is made of channel, article and part, so it is the same for every try. ``created`` is
    fixed when the post is queued. ``url`` already bears the channel's UTM values; ``first`` says that this post
    carries the link (the first of a thread).
    """

    key: str
    title: str
    url: str
    text: str
    created: datetime
    summary: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    article_id: str = ""
    revision: str = ""
    picture: Picture | None = None
    thumbnail: Picture | None = None
    part: int = 0
    root: Remote | None = None
    reply_to: Remote | None = None
    #: Ids of the parts before this one: a look for this post must not take one of them for it.
    before: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def first(self) -> bool:
        return self.part == 0


class BaseChannel(ABC):
    """One connected channel: its options, its secrets, and how its platform counts, cuts and publishes."""

    kind: ClassVar[str] = ""
    label: ClassVar[str] = ""
    #: See the module's docstring.
    looks: ClassVar[int | None] = None
    #: Whether an edit changes the post in place.
    edits: ClassVar[bool] = False
    #: Whether a long text may become a thread of posts.
    threads: ClassVar[bool] = False
    #: The link is a field of its own, so the text need not hold it.
    link_apart: ClassVar[bool] = False
    #: The client builds the link's card, so its image is fetched and sent.
    card: ClassVar[bool] = False
    #: How many hashtags are made of an article's tags unless the settings say otherwise.
    hashtags: ClassVar[int] = 3
    picture_limit: ClassVar[PictureLimit | None] = None
    thumbnail_limit: ClassVar[PictureLimit | None] = None
    #: Options without which nothing can be sent; a dry run needs none.
    required: ClassVar[tuple[str, ...]] = ()

    class Options(Table):
        """What ``[channels.options]`` may hold for this kind."""

    @classmethod
    def lacks(cls, options: Table) -> str:
        """What a live channel needs and has not, as ``"option: what is expected"``; empty when all is there."""
        name = next((name for name in cls.required if not getattr(options, name)), "")
        return f"{name}: missing; {cls.label} needs it" if name else ""

    options: Table

    def __init__(self, name: str, options: Table, vault: Vault) -> None:
        self.name = name
        self.options = options
        self.vault = vault

    # Pure: what a text weighs and how it is cut.

    @abstractmethod
    def count(self, text: str) -> int:
        """The length of ``text`` in the platform's unit."""

    @property
    @abstractmethod
    def limit(self) -> int:
        """How long a text may be, in the unit of :meth:`count`."""

    def fits(self, text: str) -> bool:
        """Whether the platform takes ``text`` as it is."""
        return self.count(text) <= self.limit

    def cut(self, text: str, url: str = "") -> str:
        """``text`` shortened until it fits; ``url`` and every link, tag and mention stay whole."""
        return _spans.cut(text, self.fits, url)

    def split(self, text: str, url: str = "", most: int = 1) -> list[str]:
        """``text`` as one post, or as a thread of at most ``most``."""
        return _spans.split(text, self.fits, url, most)

    def facets(self, text: str) -> tuple[Facet, ...]:
        """Links, tags and mentions with positions in the platform's unit; none where it finds them itself."""
        return ()

    def price(self, text: str) -> int:
        """What the platform charges for this post, in millionths of a US dollar."""
        return 0

    @property
    def monthly_cap(self) -> int:
        """What may be spent in a calendar month, in millionths of a US dollar; 0: no cap."""
        return 0

    @abstractmethod
    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        """The requests that publish ``draft``; a value that only an earlier reply gives stands as ``{name}``."""

    # Doing.

    @abstractmethod
    def publish(self, draft: Draft, line: Line) -> Remote:
        """Publish ``draft`` once.

        :raises ChannelError: as its subclasses say; :class:`OutcomeUnknown` when it may be out there.
        """

    def learn(self, line: Line) -> None:
        """Ask the platform for limits of its own; may change :attr:`limit`."""
        return None

    def recall(self, memory: Mapping[str, object]) -> None:
        """Use the limits that :meth:`learn` has left in ``memory``."""
        return None

    def find(self, draft: Draft, line: Line) -> Remote | None:
        """The post of ``draft`` where it is already published; ``None`` when a look says it is not.

        :raises OutcomeUnknown: a look cannot tell.
        """
        raise OutcomeUnknown(f"{self.label} does not let us read back what was posted")

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        """Change the published post in place; repeating it changes nothing more."""
        raise ChannelError(f"{self.label} cannot edit a post")

    @abstractmethod
    def test(self, line: Line) -> str:
        """Ask who we are, publishing nothing; one line for the operator."""

    # What failures mean.

    def check(self, reply: PlatformReply, line: Line) -> PlatformReply:
        """``reply``, when it is a success.

        :raises ChannelError: the platform refused; the subclass says what may be done.
        """
        if not reply.ok:
            raise self.failure(reply, line.now())
        return reply

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        said = self.vault.mask(self.said(reply))
        if reply.status == 429:
            return RateLimited(f"{self.label} asks to wait: {said}", retry_at=self.retry_at(reply, now))
        if reply.status == 401:
            return CredentialsRefused(f"{self.label} no longer accepts our credentials: {said}")
        return ChannelError(f"{self.label} refused: {reply.status} {said}")

    def said(self, reply: PlatformReply) -> str:
        """The platform's own words."""
        return reply.text()

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        """When to try again after a 429; a quarter of an hour where the platform does not say."""
        return seconds_from(reply.headers.get("retry-after"), now) or now + timedelta(minutes=15)

    def field(self, reply: PlatformReply, *path: str) -> str:
        """A value that a success must hold.

        :raises OutcomeUnknown: it does not; something answered that is not the platform we know.
        """
        value = reply.get(*path)
        if not isinstance(value, (str, int)) or value == "":
            raise OutcomeUnknown(f"{self.label} answered {reply.status} without {'.'.join(path)}")
        return str(value)

    # Help for the files of the kinds.

    def secret(self, name: str) -> str:
        """The secret option ``name``."""
        value: Secret | None = getattr(self.options, name)
        return self.vault.reveal(value)

    def upload_part(self, name: str, picture: Picture) -> Part:
        return Part(name, picture.data, picture.filename, picture.media_type)


def open_channel(
    base: type[BaseChannel], settings: ChannelSettings, site: Path | None = None, *, dry_run: bool | None = None
) -> BaseChannel:
    """A channel from its table in the settings.

    :raises SettingsError: one line that names channel, option, value and what was expected.
    """
    where = f"channels[{settings.name}].options"
    options = read_options(base.Options, settings.options, where=where, label=base.label)
    dry = settings.dry_run if dry_run is None else dry_run
    if not dry and (lacking := base.lacks(options)):
        raise SettingsError(f"{where}.{lacking} unless dry_run = true")
    return base(settings.name, options, Vault(site, dry_run=dry))


def mentions_link(texts: Iterable[object], url: str) -> bool:
    """Whether any of the texts that a platform gives back holds ``url``."""
    return any(url in text for text in texts if isinstance(text, str))


__all__ = [
    "BaseChannel",
    "ChannelError",
    "CredentialsRefused",
    "Draft",
    "Facet",
    "NotSent",
    "OutcomeUnknown",
    "Picture",
    "RateLimited",
    "Remote",
    "mentions_link",
    "open_channel",
]
