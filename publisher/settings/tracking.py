"""``[tracking]``: whether opens and clicks are counted. Off unless the operator turns it on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from publisher.settings.base import Table

How = Literal["off", "aggregate", "individual"]


class TrackingSettings(Table):
    opens: How = Field(
        default="off", description="Count opens by a picture: off; aggregate: numbers only; individual: who."
    )
    clicks: How = Field(
        default="off", description="Count clicks by links through us: off; aggregate: numbers only; individual: who."
    )

    @property
    def on(self) -> bool:
        return self.opens != "off" or self.clicks != "off"
