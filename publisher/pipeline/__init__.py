"""The use cases, in the order of the flow.

::

    open_site ─→ join_audience ─→ collect ─→ plan_editions ─→ freeze_due ─→ drain
                                        └→ feeds, queued posts ─→ post_due, fan_out
    send_notices, read_reports                                       readers: our own mails, and what comes back

``publish`` runs them once in the foreground; the worker's tick runs each when it is due. Every one of them may
be run at any moment, by several processes, and killed anywhere: what is due is a row, and a row that was dealt
with says so.
"""

from pathlib import Path

from publisher.pipeline.audience import Joined, join_audience
from publisher.pipeline.collecting import Collected, collect, gather
from publisher.pipeline.hub import fan_out
from publisher.pipeline.planning import Planned, freeze_due, plan_editions
from publisher.pipeline.posting import PostOutcome, find_article, post_due, post_now, preview_post
from publisher.pipeline.publishing import Published, publish
from publisher.pipeline.scheduling import plan_due
from publisher.pipeline.sending import composer, drain, transport_of
from publisher.pipeline.site import Progress, Site, open_site, silent
from publisher.pipeline.subscribers import import_readers, read_reports, send_notices

#: The default of ``--site``.
HERE = Path()

__all__ = [
    "HERE",
    "Collected",
    "Joined",
    "Planned",
    "PostOutcome",
    "Progress",
    "Published",
    "Site",
    "collect",
    "composer",
    "drain",
    "fan_out",
    "find_article",
    "freeze_due",
    "gather",
    "import_readers",
    "join_audience",
    "open_site",
    "plan_due",
    "plan_editions",
    "post_due",
    "post_now",
    "preview_post",
    "publish",
    "read_reports",
    "send_notices",
    "silent",
    "transport_of",
]
