"""Sends through SMTP relays: ``[mail]`` becomes the plain values of :mod:`publisher.mail.smtp`."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from publisher.errors import SettingsError
from publisher.lib.backoff import BackOff
from publisher.lib.findings import Look
from publisher.mail.domains import hosts
from publisher.mail.domains.resolver import Resolver
from publisher.mail.smtp.client import Client
from publisher.mail.smtp.relays import PAUSES
from publisher.mail.smtp.session import Patience
from publisher.mail.smtp.trial import check_relay
from publisher.mail.smtp.values import Domain, Relay, Security
from publisher.mail.transport import Reserve, unlimited
from publisher.settings import Settings
from publisher.settings.base import Secret, Table


class RelayOptions(Table):
    """``[[mail.relays]]``: one of several SMTP relays; the same keys as ``[mail]`` has for a single one."""

    host: str = Field(description="SMTP relay.", min_length=1)
    port: int = Field(default=587, ge=1, le=65535, description="SMTP port: 587 with STARTTLS, 465 with TLS.")
    security: Security = Field(default="starttls", description="How the connection is protected.")
    username: str = Field(default="", description="SMTP user; empty: no AUTH.")
    password: Secret | None = Field(default=None, description="SMTP password.")
    ca_file: str = Field(default="", description="PEM file of a private authority that signs the certificate.")
    weight: int = Field(default=1, ge=1, le=1000, description="Its share of the mail, against the others' weights.")
    connections: int = Field(default=4, ge=1, le=100, description="Connections at a time, of each worker.")
    rate: float = Field(default=0, ge=0, description="Messages a second through it, over all workers; 0: no limit.")

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"

    @model_validator(mode="after")
    def _password_only_over_tls(self) -> Self:
        _check_credentials(self.security, self.username, self.password)
        return self


class DomainOptions(Table):
    """``[[mail.domains]]``: a receiving domain that wants to be treated gently."""

    name: str = Field(description="The domain of the recipients' addresses.", min_length=1)
    connections: int = Field(
        default=0, ge=0, description="Messages to it in flight at a time, of each worker; 0: no limit."
    )
    rate: float = Field(default=0, ge=0, description="Messages a second to it, over all workers; 0: no limit.")


class SmtpOptions(Table):
    """The keys of ``[mail]`` that this transport reads."""

    host: str = Field(default="localhost", description="SMTP relay.")
    port: int = Field(default=587, ge=1, le=65535, description="SMTP port: 587 with STARTTLS, 465 with TLS.")
    security: Security = Field(default="starttls", description="How the connection is protected.")
    username: str = Field(default="", description="SMTP user; empty: no AUTH.")
    password: Secret | None = Field(default=None, description="SMTP password.")
    ca_file: str = Field(default="", description="PEM file of a private authority that signs the certificate.")
    connections: int = Field(default=4, ge=1, le=100, description="Connections to the relay at a time, of each worker.")
    rate: float = Field(default=0, ge=0, description="Messages a second in all, over all workers; 0: no limit.")
    hello: str = Field(default="", description="The name we say in EHLO. Default: this machine's.")
    relays: tuple[RelayOptions, ...] = Field(
        default=(), description="Several SMTP relays instead of the one named above."
    )
    domains: tuple[DomainOptions, ...] = Field(default=(), description="Receiving domains with limits of their own.")

    @property
    def all_relays(self) -> tuple[RelayOptions, ...]:
        """The relays to use: ``[[mail.relays]]``, or the single one of ``[mail]``."""
        return self.relays or (
            RelayOptions(
                host=self.host,
                port=self.port,
                security=self.security,
                username=self.username,
                password=self.password,
                ca_file=self.ca_file,
                connections=self.connections,
            ),
        )

    @model_validator(mode="after")
    def _one_way_of_naming_relays(self) -> Self:
        single = {"host", "port", "security", "username", "password", "ca_file", "connections"} & self.model_fields_set
        if self.relays and single:
            raise ValueError(f"write {sorted(single)[0]} into each [[mail.relays]]; [mail] itself names no relay then")
        addresses = [relay.address for relay in self.relays]
        for address in addresses:
            if addresses.count(address) > 1:
                raise ValueError(f"[[mail.relays]] {address} stands twice")
        _check_credentials(self.security, self.username, self.password)
        return self


class SmtpTransport(Client):
    """All relays of ``[mail]``; see :class:`publisher.mail.transport.Transport`."""

    Options: ClassVar[type[Table]] = SmtpOptions

    def __init__(
        self,
        options: SmtpOptions,
        settings: Settings,
        reserve: Reserve = unlimited,
        *,
        patience: Patience | None = None,
        pauses: BackOff = PAUSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        :raises SettingsError: a secret or a certificate file cannot be read.
        """
        super().__init__(
            [_relay(one, settings.directory) for one in options.all_relays],
            domains=[Domain(one.name, one.connections, one.rate) for one in options.domains],
            rate=options.rate,
            hello=options.hello or _own_name(),
            reserve=reserve,
            patience=patience,
            pauses=pauses,
            clock=clock,
        )

    @classmethod
    def looks(cls, options: SmtpOptions, settings: Settings, resolver: Resolver) -> list[Look]:
        """Each relay, logged in to and left again, and the names of its addresses."""
        hello = options.hello or _own_name()

        def of(one: RelayOptions) -> Iterator[Look]:
            yield Look(f"relay {one.address}", lambda: [check_relay(_relay(one, settings.directory), hello)])
            yield Look(f"PTR of {one.host}", lambda: [hosts.check_names(resolver, one.host)])

        return [look for one in options.all_relays for look in of(one)]


TRANSPORT = SmtpTransport


def _relay(options: RelayOptions, site: Path) -> Relay:
    return Relay(
        host=options.host,
        port=options.port,
        security=options.security,
        username=options.username,
        password=options.password.reveal(site) if options.password else "",
        tls=_tls(options, site),
        weight=options.weight,
        connections=options.connections,
        rate=options.rate,
    )


def _tls(options: RelayOptions, site: Path) -> ssl.SSLContext | None:
    if options.security == "none":
        return None
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.ca_file:
        try:
            context.load_verify_locations(site / options.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"mail: ca_file = {options.ca_file!r} cannot be read as certificates: {error}"
            ) from None
    return context


def _own_name() -> str:
    # Not getfqdn(), which asks the network and may take its time. A name without a dot tells a relay nothing.
    name = socket.gethostname()
    return name if "." in name and name.isascii() else ""


def _check_credentials(security: Security, username: str, password: Secret | None) -> None:
    if username and security == "none":
        raise ValueError('a password never travels in the clear: with username set, security is "starttls" or "tls"')
    if bool(username) != bool(password):
        raise ValueError("username and password go together: set both, or neither")
