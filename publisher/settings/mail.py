"""``[sender]`` and ``[mail]``: who writes, and how mail leaves."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, model_validator

from publisher.settings.base import Secret, Table


def _address(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"expected an e-mail address: {error}") from None


def _address_or_empty(value: str) -> str:
    return _address(value) if value else value


Address = Annotated[str, AfterValidator(_address)]
Security = Literal["starttls", "tls", "none"]
OptionalAddress = Annotated[str, AfterValidator(_address_or_empty)]


def _domain_or_empty(value: str) -> str:
    if value and not re.fullmatch(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+", value):
        raise ValueError("expected a domain in lower case such as example.org (xn-- form where it is not ASCII)")
    return value


def _selector_or_empty(value: str) -> str:
    if value and not re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", value):
        raise ValueError("expected a DKIM selector such as masthead1")
    return value


Domain = Annotated[str, AfterValidator(_domain_or_empty)]
Selector = Annotated[str, AfterValidator(_selector_or_empty)]


class SenderSettings(Table):
    name: str = Field(default="", description="Display name. Default: the publication's title.")
    address: Address = Field(description="From address of every mail.")
    reply_to: OptionalAddress = Field(default="", description="Where answers go. Default: the From address.")
    postal_address: str = Field(default="", description="Printed in every footer; many laws ask for it.")


class RelaySettings(Table):
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
        """``host:port``, as logs and pages name it."""
        return f"{self.host}:{self.port}"

    @model_validator(mode="after")
    def _password_only_over_tls(self) -> Self:
        _check_credentials(self)
        return self


class DomainSettings(Table):
    """``[[mail.domains]]``: a receiving domain that wants to be treated gently."""

    name: str = Field(description="The domain of the recipients' addresses.", min_length=1)
    connections: int = Field(
        default=0, ge=0, description="Messages to it in flight at a time, of each worker; 0: no limit."
    )
    rate: float = Field(default=0, ge=0, description="Messages a second to it, over all workers; 0: no limit.")


class DkimSettings(Table):
    """RFC 6376 signatures; without ``key`` messages leave unsigned and the relay is expected to sign."""

    domain: Domain = Field(default="", description="d= of the signature. Default: the domain of the From address.")
    selector: Selector = Field(default="masthead", description="s= of the RSA signature.")
    key: Secret | None = Field(default=None, description="RSA private key, PEM, at least 2048 bits.")
    ed25519_selector: Selector = Field(default="masthead-ed", description="s= of the Ed25519 signature (RFC 8463).")
    ed25519_key: Secret | None = Field(default=None, description="Ed25519 private key, PEM; adds a second signature.")


class MailSettings(Table):
    dkim: DkimSettings = Field(default_factory=DkimSettings)
    feedback_id: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9_-]{5,15})?$",
        description="SenderId of the Feedback-ID header, 5 to 15 characters. Default: made from the publication's id.",
    )
    return_domain: Domain = Field(
        default="",
        description="Domain whose mail reaches Masthead: bounces come to an address of their own there. "
        "Default: bounces go to the From address.",
    )
    transport: Literal["maildir", "smtp", "memory"] = Field(default="maildir", description="How mail leaves.")
    host: str = Field(default="localhost", description="SMTP relay.")
    port: int = Field(default=587, ge=1, le=65535, description="SMTP port: 587 with STARTTLS, 465 with TLS.")
    security: Security = Field(default="starttls", description="How the connection is protected.")
    username: str = Field(default="", description="SMTP user; empty: no AUTH.")
    password: Secret | None = Field(default=None, description="SMTP password.")
    ca_file: str = Field(default="", description="PEM file of a private authority that signs the certificate.")
    connections: int = Field(default=4, ge=1, le=100, description="Connections to the relay at a time, of each worker.")
    rate: float = Field(default=0, ge=0, description="Messages a second in all, over all workers; 0: no limit.")
    hello: str = Field(default="", description="The name we say in EHLO. Default: this machine's.")
    relays: tuple[RelaySettings, ...] = Field(
        default=(), description="Several SMTP relays instead of the one named above."
    )
    domains: tuple[DomainSettings, ...] = Field(default=(), description="Receiving domains with limits of their own.")

    @property
    def all_relays(self) -> tuple[RelaySettings, ...]:
        """The relays to use: ``[[mail.relays]]``, or the single one of ``[mail]``."""
        return self.relays or (
            RelaySettings(
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
        _check_credentials(self)
        return self


def _check_credentials(relay: RelaySettings | MailSettings) -> None:
    if relay.username and relay.security == "none":
        raise ValueError('a password never travels in the clear: with username set, security is "starttls" or "tls"')
    if bool(relay.username) != bool(relay.password):
        raise ValueError("username and password go together: set both, or neither")
