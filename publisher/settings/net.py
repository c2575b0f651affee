"""``[net]``: which private networks outgoing requests may reach."""

from __future__ import annotations

import ipaddress

from pydantic import Field, field_validator

from publisher.settings.base import Table


class NetSettings(Table):
    allow_private: tuple[str, ...] = Field(
        default=(),
        description="Networks that requests of ours may reach although they are not public, as 10.1.2.3.",
    )

    @field_validator("allow_private")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"expected a network such as 10.0.0.0/8 or ::1, not {network!r}") from None
        return networks
