"""Posting: articles become posts, each sent once, in their own time.

::

    queue_posts(store, settings, articles, now)     decide      no network
    send_due(store, settings)                       do          every tick of the worker
    preview · dry_run · post_now · ask_channel · try_channel · decide · resume      by hand

The rows are in :mod:`publisher.store.posts`, the platforms in :mod:`publisher.channels`.
"""

from __future__ import annotations

from publisher.posting.by_hand import (
    Posted,
    Preview,
    ask_channel,
    decide,
    dry_run,
    post_now,
    preview,
    resume,
    try_channel,
)
from publisher.posting.compose import compose
from publisher.posting.held import SendReport
from publisher.posting.opening import channel_table, open_known, spent_this_month
from publisher.posting.queueing import QueueReport, check_channels, queue_posts
from publisher.posting.rounds import due_channels, send_channel, send_due

__all__ = [
    "Posted",
    "Preview",
    "QueueReport",
    "SendReport",
    "ask_channel",
    "channel_table",
    "check_channels",
    "compose",
    "decide",
    "dry_run",
    "due_channels",
    "open_known",
    "post_now",
    "preview",
    "queue_posts",
    "resume",
    "send_channel",
    "send_due",
    "spent_this_month",
    "try_channel",
]
