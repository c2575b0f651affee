"""News of the feeds, pushed: our own hub's subscribers, and the hubs of others."""

from __future__ import annotations

import logging

from publisher.pipeline.site import Site
from publisher.websub import hub
from publisher.websub.hub import FanOut

log = logging.getLogger(__name__)


def fan_out(site: Site, *, budget: float = 30.0) -> FanOut:
    """Verify, announce and deliver whatever is due, for at most ``budget`` seconds."""
    done = hub.fan_out_due(site.store, site.settings, now=site.clock, budget=budget)
    if not done.idle:
        log.info("websub: %d delivered, %d announced, %d put off", done.delivered, done.announced, done.put_off)
    return done
