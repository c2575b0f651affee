"""LinkedIn: ``POST /rest/posts``. Source: Microsoft Learn, "Posts API", "Images API", "little Text Format".

An unescaped reserved character cuts the post without an error, so all are escaped. LinkedIn refuses a second post
of the same content with ``DUPLICATE_POST`` and names the first: that one is read back, and is ours. The card is
made of the fields we send and nothing else.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import Field

from publisher.channels import _spans
from publisher.channels._base import BaseChannel, Draft, Picture, Remote
from publisher.channels._counting import utf16_units
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import PlatformRequest, bearer, json_request
from publisher.errors import ChannelError, CredentialsRefused, OutcomeUnknown
from publisher.lib.text import one_line, shorten
from publisher.settings.base import HttpUrl, Secret, Table

_RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
_URN = re.compile(r"urn:li:(?:share|ugcPost):[0-9]+")


class Channel(BaseChannel):
    kind = "linkedin"
    label = "LinkedIn"
    looks = 0
    edits = True
    card = True
    limit = 3000
    picture_limit = PictureLimit(bytes=5_000_000, edge=4096, alt=4086)
    thumbnail_limit = PictureLimit(bytes=2_000_000, edge=1200, alt=0)
    required = ("author", "token")

    class Options(Table):
        base_url: HttpUrl = Field(default="https://api.linkedin.com", description="Where the API is reached.")
        author: str = Field(
            default="",
            pattern=r"^(urn:li:(person|organization):[A-Za-z0-9_-]+)?$",
            description="Who posts: urn:li:person:… or urn:li:organization:….",
        )
        token: Secret | None = Field(default=None, description="Token with w_member_social or w_organization_social.")
        version: str = Field(default="202607", pattern=r"^20[0-9]{4}$", description="API version, as YYYYMM.")
        visibility: Literal["PUBLIC", "CONNECTIONS"] = Field(default="PUBLIC", description="Who sees it.")

    options: Options

    def count(self, text: str) -> int:
        """UTF-16 units of the text with its escapes: never less than what LinkedIn counts."""
        return utf16_units(escape(text))

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        picture = draft.picture or (draft.thumbnail if draft.url else None)
        if picture:
            upload = PlatformRequest("PUT", "https://{upload_url}", (self._bearer(),), picture.data)
            return self._initialise(), upload, self._create(draft, "{image_urn}")
        return (self._create(draft, ""),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        image = str(line.progress.get("image", ""))
        picture = draft.picture or (draft.thumbnail if draft.url else None)
        if picture and not image:
            image = self._upload(picture, line)
        reply = line.call(self._create(draft, image), publishes=True)
        urn = reply.headers.get("x-restli-id", "")
        if reply.status == 422 and "DUPLICATE_POST" in reply.text():
            return self._first(reply, line)
        self.check(reply, line)
        if not urn:
            raise OutcomeUnknown("LinkedIn answered without the id of the post")
        return self._remote(urn)

    def _first(self, reply: PlatformReply, line: Line) -> Remote:
        """The post that LinkedIn says we repeat, when it can be read back: it has named posts that are not there."""
        match = _URN.search(reply.text())
        if match and line.call(PlatformRequest("GET", self._post_url(match.group()), self._headers())).ok:
            return self._remote(match.group())
        raise OutcomeUnknown("LinkedIn says that this was already posted, but the post it names cannot be read")

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        body = {"patch": {"$set": {"commentary": escape(draft.text)}}}
        headers = (*self._headers(), ("X-RestLi-Method", "PARTIAL_UPDATE"))
        self.check(line.call(json_request("POST", self._post_url(remote.id), body, *headers)), line)
        return remote

    def test(self, line: Line) -> str:
        reply = self.check(
            line.call(PlatformRequest("GET", f"{self.options.base_url}/v2/userinfo", self._headers())), line
        )
        return f"LinkedIn: the token is {one_line(self.field(reply, 'name'))}'s; we post as {self.options.author}"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        said = self.vault.mask(self.said(reply))
        if reply.status == 426:
            return CredentialsRefused(
                f"LinkedIn has retired API version {self.options.version}; set options.version: {said}"
            )
        if reply.status == 403:
            return CredentialsRefused(f"LinkedIn does not let this token post as {self.options.author}: {said}")
        return super().failure(reply, now)

    def said(self, reply: PlatformReply) -> str:
        return one_line(str(reply.get("message") or reply.text()))[:300]

    def _create(self, draft: Draft, image: str) -> PlatformRequest:
        body: dict[str, object] = {
            "author": self.options.author,
            "commentary": escape(draft.text),
            "visibility": self.options.visibility,
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        }
        if draft.picture and image:
            body["content"] = {"media": {"id": image, "altText": draft.picture.alt}}
        elif draft.url:
            article = {
                "source": draft.url,
                "title": shorten(draft.title, 200),
                "description": shorten(draft.summary, 250),
            }
            if image:
                article["thumbnail"] = image
            body["content"] = {"article": article}
        return json_request("POST", f"{self.options.base_url}/rest/posts", body, *self._headers())

    def _initialise(self) -> PlatformRequest:
        url = f"{self.options.base_url}/rest/images?action=initializeUpload"
        return json_request("POST", url, {"initializeUploadRequest": {"owner": self.options.author}}, *self._headers())

    def _upload(self, picture: Picture, line: Line) -> str:
        reply = self.check(line.call(self._initialise()), line)
        image, url = self.field(reply, "value", "image"), self.field(reply, "value", "uploadUrl")
        ours, theirs = urlsplit(self.options.base_url), urlsplit(url)
        host = theirs.hostname or ""
        at_home = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
        if not at_home and not (theirs.scheme == "https" and host.endswith((".linkedin.com", ".licdn.com"))):
            raise ChannelError(f"LinkedIn named {one_line(host)[:80]} for the upload; our token does not go there")
        self.check(line.call(PlatformRequest("PUT", url, (self._bearer(),), picture.data)), line)
        line.progress["image"] = image
        line.save()
        return image

    def _post_url(self, urn: str) -> str:
        return f"{self.options.base_url}/rest/posts/{quote(urn, safe='')}"

    @staticmethod
    def _remote(urn: str) -> Remote:
        return Remote(urn, f"https://www.linkedin.com/feed/update/{urn}/")

    def _headers(self) -> tuple[tuple[str, str], ...]:
        version = ("LinkedIn-Version", self.options.version)
        return self._bearer(), version, ("X-Restli-Protocol-Version", "2.0.0")

    def _bearer(self) -> tuple[str, str]:
        return bearer(self.secret("token"))


def escape(text: str) -> str:
    """``text`` in LinkedIn's *little text*: every reserved character escaped but the ``#`` of a tag.

    A link is escaped too: the backslashes are gone when it is shown, and an escaped link stays a link.
    """
    parts, position = [], 0
    for span in _spans.spans(text):
        if span.kind == "tag" and text[span.start] == "#":
            parts += [
                _RESERVED.sub(r"\\\g<0>", text[position : span.start]),
                "#",
                _RESERVED.sub(r"\\\g<0>", span.value),
            ]
            position = span.end
    return "".join([*parts, _RESERVED.sub(r"\\\g<0>", text[position:])])
