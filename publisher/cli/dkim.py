"""``dkim new``: a key to sign with, and what to publish of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from publisher.cli.base import HERE, SiteOption, console
from publisher.cli.lazily import new_app
from publisher.errors import SiteError
from publisher.mail.new_key import make_key, save_key, zone_line
from publisher.settings import load_settings
from publisher.settings.mail import DkimSettings, selector_or_empty

dkim = new_app(help="The key that signs our mail.")


@dkim.callback()
def _group() -> None:
    """Typer makes a group of an application that has a callback."""


@dkim.command("new")
def new(
    directory: SiteOption = HERE,
    selector: Annotated[str, typer.Option(help="Names the key in the DNS. Default: the setting's.")] = "",
    ed25519: Annotated[bool, typer.Option("--ed25519", help="A second, modern key beside the RSA one.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where the key goes. Default: secrets/ of the site.")] = None,
) -> None:
    """Make a DKIM key, keep it in the site, and print the DNS record and the settings to write."""
    settings = load_settings(directory)
    wanted = settings.mail.dkim
    selector = _selector(wanted, selector, ed25519=ed25519)
    domain = wanted.domain or settings.sender.address.rpartition("@")[2].lower()
    path = out or settings.directory / "secrets" / f"dkim-{selector}.pem"
    key = make_key(selector, modern=ed25519)
    save_key(key, path)
    shown = path.relative_to(settings.directory) if path.is_relative_to(settings.directory) else path
    prefix = "ed25519_" if ed25519 else ""
    console.print(f"made {path} (mode 600; keep it where only masthead reads it)\n", markup=False, soft_wrap=True)
    console.print("1. Publish this DNS record:\n", markup=False)
    console.print(zone_line(key, domain), markup=False, soft_wrap=True)
    console.print("\n2. When it can be seen, write into publication.toml:\n", markup=False)
    console.print(
        f'[mail.dkim]\n{prefix}selector = "{selector}"\n{prefix}key = {{ file = "{shown}" }}',
        markup=False,
        soft_wrap=True,
    )
    console.print("\n3. masthead doctor holds the record against the key.", markup=False)


def _selector(wanted: DkimSettings, given: str, *, ed25519: bool) -> str:
    """The selector of the new key: never one that a key in use has, for its record would be replaced."""
    current = wanted.ed25519_selector if ed25519 else wanted.selector
    in_use = {
        name
        for name, key in ((wanted.selector, wanted.key), (wanted.ed25519_selector, wanted.ed25519_key))
        if key is not None
    }
    try:
        chosen = selector_or_empty(given) or current
    except ValueError as error:
        raise SiteError(f"--selector {given!r}: {error}") from None
    if chosen in in_use:
        raise SiteError(f"a key in use has the selector {chosen}; choose another: --selector {chosen}-2")
    return chosen
