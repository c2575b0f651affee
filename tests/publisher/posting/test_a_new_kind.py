"""A kind of channel is one file and one template: nothing else names it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import publisher.channels
from publisher import posting
from publisher.channels import describe_options, kinds
from publisher.model import PostStatus
from tests.fakes import Fake
from tests.fakes.platforms._base import Call, Reply
from tests.publisher.posting.conftest import article

PIGEON = """
from pydantic import Field

from publisher.channels._base import BaseChannel, Draft, Remote
from publisher.channels._line import Line
from publisher.channels._requests import PlatformRequest, bearer, json_request
from publisher.settings.base import OptionalHttpUrl, Secret, Table


class Channel(BaseChannel):
    kind = "pigeon"
    label = "Pigeon"
    looks = 0
    limit = 80
    required = ("base_url", "token")

    class Options(Table):
        base_url: OptionalHttpUrl = Field(default="", description="Where the loft is.")
        token: Secret | None = Field(default=None, description="The ring of the bird.")

    options: Options

    def count(self, text: str) -> int:
        return len(text)

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        header = bearer(self.secret("token"))
        return (json_request("PUT", f"{self.options.base_url}/fly/{draft.key}", {"text": draft.text}, header),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        (request,) = self.requests(draft)
        return Remote(self.field(self.check(line.call(request, publishes=True), line), "ring"))

    def test(self, line: Line) -> str:
        return "Pigeon: coo"
"""


class FakePigeon(Fake):
    kind = "pigeon"

    def options(self) -> dict[str, Any]:
        return {"base_url": self.base, "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.method == "PUT"

    def answer(self, call: Call) -> Reply:
        self.holds.append(call.json())
        return Reply(200, {"ring": f"r{len(self.holds)}"})


@pytest.fixture
def pigeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "lofts").mkdir()
    (tmp_path / "lofts" / "pigeon.py").write_text(PIGEON)
    (tmp_path / "templates" / "post").mkdir(parents=True)
    (tmp_path / "templates" / "post" / "pigeon.txt").write_text("Coo: {{ title }}\n\n{{ url }}\n")
    monkeypatch.setattr(publisher.channels, "__path__", [*publisher.channels.__path__, str(tmp_path / "lofts")])
    yield
    sys.modules.pop("publisher.channels.pigeon", None)
    vars(publisher.channels).pop("pigeon", None)


def test_a_post_leaves_by_a_kind_that_is_one_file_and_one_template(pigeon: None, site_of: Any) -> None:
    assert "pigeon" in kinds()
    assert ("pigeon", "token", "required", "The ring of the bird.") in list(describe_options())
    site = site_of(FakePigeon)
    made = article(title="A short one")
    assert posting.preview(made, *site.known("pigeon"), site.settings).texts == (f"Coo: A short one\n\n{made.url}",)
    site.queue(made)
    assert site.send().published == 1
    assert site.fakes["pigeon"].holds == [{"text": f"Coo: A short one\n\n{made.url}"}]
    assert (site.row("pigeon").status, site.row("pigeon").remote_id) == (PostStatus.PUBLISHED, "r1")
