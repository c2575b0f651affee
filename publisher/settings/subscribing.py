"""``[subscribing]``: who may ask for mail, and how often."""

from __future__ import annotations

from pydantic import Field

from publisher.settings.base import Table


class SubscribingSettings(Table):
    open: bool = Field(default=True, description="Whether the public form and the JSON endpoint take new subscribers.")
    welcome: bool = Field(default=True, description="Send one welcome mail after the confirmation.")
    confirmations_ever: int = Field(
        default=3, ge=1, le=10, description="Most confirmation mails one mailbox is ever sent without an answer."
    )
    per_network: int = Field(
        default=20, ge=1, description="Most requests a day from one network (/24 or /48); kept as a daily keyed hash."
    )
    per_domain: int = Field(
        default=500,
        ge=1,
        description="Requests a day for one mail domain; more are confirmed later, or at once after a proof of work.",
    )
    per_day: int = Field(default=5000, ge=1, description="Requests a day in all; more are treated likewise.")
