"""``[sender]`` and ``[mail]``: who writes, and how mail leaves."""

from __future__ import annotations

import re
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

from publisher.settings.base import FamilyTable, Name, Secret, Table


def _address(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"expected an e-mail address: {error}") from None


def _address_or_empty(value: str) -> str:
    return _address(value) if value else value


Address = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[str, AfterValidator(_address_or_empty)]


def _domain_or_empty(value: str) -> str:
    if value and not re.fullmatch(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+", value):
        raise ValueError("expected a domain in lower case such as example.org (xn-- form where it is not ASCII)")
    return value


def selector_or_empty(value: str) -> str:
    """``value``, where it can name a DKIM key in the DNS.

    :raises ValueError: it cannot.
    """
    if value and not re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", value):
        raise ValueError("expected a DKIM selector such as masthead1")
    return value


Domain = Annotated[str, AfterValidator(_domain_or_empty)]
Selector = Annotated[str, AfterValidator(selector_or_empty)]


class SenderSettings(Table):
    name: str = Field(default="", description="Display name. Default: the publication's title.")
    address: Address = Field(description="From address of every mail.")
    reply_to: OptionalAddress = Field(default="", description="Where replies go. Default: the From address.")
    postal_address: str = Field(default="", description="Printed in every footer; many laws ask for it.")


class DkimSettings(Table):
    """RFC 6376 signatures; without ``key`` messages leave unsigned and the relay is expected to sign."""

    domain: Domain = Field(default="", description="d= of the signature. Default: the domain of the From address.")
    selector: Selector = Field(default="masthead", description="s= of the RSA signature.")
    key: Secret | None = Field(default=None, description="RSA private key, PEM, at least 2048 bits.")
    ed25519_selector: Selector = Field(default="masthead-ed", description="s= of the Ed25519 signature (RFC 8463).")
    ed25519_key: Secret | None = Field(default=None, description="Ed25519 private key, PEM; adds a second signature.")


class MailSettings(FamilyTable):
    """What is of mail as such; the other keys of ``[mail]`` are the transport's own."""

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
    transport: Name = Field(default="maildir", description="How mail leaves: a file name of publisher/mail/transports.")
