"""Who reaches what of the web process, as the settings have it: the desk, the metrics, the proxies before it.

Place is no identity: behind a proxy that adds no header, a request from anywhere looks as one of this very machine.
So a publication with a public address shows its desk to nobody, wherever a request seems to come from.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from publisher.lib.networks import is_loopback_host
from publisher.settings import Settings


def is_public_site(settings: Settings) -> bool:
    """Whether ``base_url`` names another machine than the one that reads it."""
    return not is_loopback_host(urlsplit(settings.publication.base_url).netloc)


def serves_desk(settings: Settings) -> bool:
    """Whether this site's desk is served at all; to whom is decided for each request."""
    return settings.web.desk == "local" and not is_public_site(settings)


def desk_line(settings: Settings) -> str:
    """What an operator is told at start about the desk; empty where it is served."""
    if serves_desk(settings):
        return ""
    why = (
        "[web] desk is off"
        if settings.web.desk == "off"
        else f"base_url is {settings.publication.base_url}, and only a site on loopback shows its desk"
    )
    metrics = "with the bearer token of [web] metrics_token" if settings.web.metrics_token else "to nobody"
    return f"the desk is not served: {why}; /metrics is served {metrics}"


def proxies_line(settings: Settings) -> str:
    """How the web process understands the proxies before it: one sentence, for the start and for a check-up."""
    trusted = settings.web.trusted_proxies
    if trusted:
        return f"visitors are told apart by X-Forwarded-For of {', '.join(trusted)}; from anybody else it is ignored"
    if is_public_site(settings):
        return (
            "no proxy is trusted: all visitors behind one proxy count as one; "
            "if there is one, name its address in [web] trusted_proxies"
        )
    return "no proxy is trusted: the peer of a connection is the visitor"


def start_lines(settings: Settings) -> list[str]:
    """What is said once when the web process starts."""
    lines = [desk_line(settings)]
    if is_public_site(settings) and not settings.web.trusted_proxies:
        lines.append(proxies_line(settings))
    return [line for line in lines if line]
