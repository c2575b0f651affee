"""A platform that replies with JSON of another shape: what it means is said by an error of ours, never by a fault."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import httpx
import pytest

from publisher.channels import Draft, Line, kinds, open_channel
from publisher.errors import ChannelError
from publisher.settings.channels import ChannelSettings

WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
DRAFT = Draft(key="ab" * 32, title="Tides", url="https://paper.example/tides", text="Tides", created=WHEN)
SHAPES = (
    None,
    7,
    "ok",
    [1, None, "x"],
    {"data": 5},
    {"data": [1, "x", None, {"id": 3, "entities": 4, "note_tweet": [], "attachments": "x"}]},
    {"data": {"children": [1, {"data": 2}], "id": {}}},
    {"json": {"errors": 4, "data": []}},
    {"json": {"errors": [7], "ratelimit": []}},
    {"configuration": {"statuses": 1}, "blob": [], "retry_after": {}, "parameters": {"retry_after": []}},
)


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("shape", SHAPES, ids=json.dumps)
@pytest.mark.parametrize("status", [200, 403, 429])
def test_json_of_another_shape_is_no_fault_of_ours(kind, shape, status):
    platform = httpx.MockTransport(lambda request: httpx.Response(status, json=shape))
    options = {"base_url": "https://social.example"} if kind == "mastodon" else {}
    channel = open_channel(ChannelSettings(name=kind, kind=kind, dry_run=True, options=options))
    for step in (channel.learn, lambda line: channel.find(DRAFT, line), lambda line: channel.publish(DRAFT, line)):
        with httpx.Client(transport=platform) as client, contextlib.suppress(ChannelError):
            step(Line(client, channel.vault, lambda: WHEN, {"user_id": "1"}, {"container": "1"}))
