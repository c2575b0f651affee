"""News of the feeds, pushed: our own hub's subscribers, and the hubs of others."""

from __future__ import annotations

import logging

from publisher import websub
from publisher.pipeline.context import Context
from publisher.websub import FanOut

log = logging.getLogger(__name__)


def fan_out(context: Context, *, budget: float = 30.0) -> FanOut:
    """Verify, announce and deliver whatever is due, for at most ``budget`` seconds."""
    done = websub.fan_out_due(context.store, context.settings, now=context.clock, budget=budget)
    if not done.idle:
        log.info("websub: %d delivered, %d announced, %d put off", done.delivered, done.announced, done.put_off)
    return done
