"""Facebook Page: ``POST /{page}/feed``. Source: Meta's Graph API reference, "Page Feed" and "Error handling".

No idempotency: Facebook has answered 500 and published. After any 5xx or lost reply the Page's own feed is read
before anything is sent again, and its two refusals of a duplicate mean *find it*. The link is a field of its own
(the card comes from the article's Open Graph tags); it is left out where a photo is attached, because Facebook
ignores it then, and the text bears the URL instead.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from pydantic import Field

from publisher.channels._base import BaseChannel, Draft, Picture, Remote
from publisher.channels._instants import iso_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import Part, PlatformRequest, bearer, json_request, multipart_request
from publisher.errors import ChannelError, CredentialsRefused, OutcomeUnknown, RateLimited
from publisher.lib.foreign import objects, under
from publisher.lib.text import one_line
from publisher.settings.base import HttpUrl, Secret, Table

_TOKEN_DEAD = frozenset((102, 190, 463, 467))
_NOT_ALLOWED = frozenset((10, *range(200, 300)))
_SLOW_DOWN = frozenset((4, 17, 32, 341, 613, *range(80000, 80010)))
_DUPLICATE = frozenset((368, 506))
_PASSING = frozenset((1, 2))


class Channel(BaseChannel):
    kind = "facebook"
    label = "Facebook"
    looks = 3
    edits = True
    link_apart = True
    picture_limit = PictureLimit(bytes=4_000_000, edge=2048, alt=1000)
    required = ("page", "token")

    class Options(Table):
        base_url: HttpUrl = Field(default="https://graph.facebook.com/v25.0", description="Where the API is reached.")
        page: str = Field(default="", pattern=r"^[0-9]*$", description="The Page's numeric id.")
        token: Secret | None = Field(default=None, description="Page token with pages_manage_posts.")

    options: Options

    limit = 63206

    def count(self, text: str) -> int:
        return len(text)

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        if draft.picture:
            return self._upload(draft.picture), self._create(draft, "{photo_id}")
        return (self._create(draft, ""),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        photo = str(line.progress.get("photo", ""))
        if draft.picture and not photo:
            photo = self.field(self.check(line.call(self._upload(draft.picture)), line), "id")
            line.progress["photo"] = photo
            line.save()
        reply = line.call(self._create(draft, photo), publishes=True)
        code = reply.get("error", "code")
        if code in _DUPLICATE:
            found = self.find(draft, line)
            if found is None and code == 368:
                raise ChannelError(f"Facebook refused: {self.said(reply)}")
            if found is None:
                raise OutcomeUnknown("Facebook says that this was already posted, but it is not in the Page's feed")
            return found
        if code in _PASSING:
            raise OutcomeUnknown(f"Facebook may have posted it: {self.vault.mask(self.said(reply))}")
        return self._remote(self.field(self.check(reply, line), "id"))

    def find(self, draft: Draft, line: Line) -> Remote | None:
        since = (draft.since or draft.created) - timedelta(minutes=5)
        query = urlencode(
            {
                "fields": "id,message,permalink_url,created_time,attachments{unshimmed_url}",
                "since": str(int(since.timestamp())),
                "limit": "100",
            }
        )
        reply = self.check(line.call(PlatformRequest("GET", f"{self._page()}/feed?{query}", (self._bearer(),))), line)
        for post in objects(reply.get("data")):
            if self._same(post, draft, since):
                return self._remote(str(post.get("id", "")), str(post.get("permalink_url") or ""))
        return None

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        url = f"{self.options.base_url}/{quote(remote.id)}"
        self.check(line.call(json_request("POST", url, {"message": self._message(draft)}, self._bearer())), line)
        return remote

    def test(self, line: Line) -> str:
        reply = self.check(line.call(PlatformRequest("GET", f"{self._page()}?fields=id,name", (self._bearer(),))), line)
        return f"Facebook: we post as the Page {one_line(self.field(reply, 'name'))}"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        code = reply.get("error", "code")
        said = self.vault.mask(self.said(reply))
        if code in _SLOW_DOWN:
            return RateLimited(f"Facebook asks to wait: {said}", retry_at=self.retry_at(reply, now))
        if code in _TOKEN_DEAD or code in _NOT_ALLOWED:
            return CredentialsRefused(f"Facebook no longer accepts our token: {said}")
        return super().failure(reply, now)

    def said(self, reply: PlatformReply) -> str:
        message, code = reply.get("error", "message"), reply.get("error", "code")
        return one_line(f"{message} (#{code})")[:300] if message else reply.text()

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        """The longest ``estimated_time_to_regain_access`` (minutes) of the business use cases; else an hour."""
        try:
            usage = json.loads(reply.headers.get("x-business-use-case-usage", "{}"))
            minutes = [int(case["estimated_time_to_regain_access"]) for cases in usage.values() for case in cases]
        except (ValueError, TypeError, KeyError, AttributeError):
            minutes = []
        return now + timedelta(minutes=min(max([*minutes, 0]) or 60, 24 * 60))

    def _create(self, draft: Draft, photo: str) -> PlatformRequest:
        body: dict[str, object] = {"message": self._message(draft)}
        if photo:
            body["attached_media"] = [{"media_fbid": photo}]
        elif draft.url:
            body["link"] = draft.url
        return json_request("POST", f"{self._page()}/feed", body, self._bearer())

    def _message(self, draft: Draft) -> str:
        if draft.picture and draft.url and draft.url not in draft.text:
            return f"{self.cut(draft.text)}\n\n{draft.url}"
        return draft.text

    def _upload(self, picture: Picture) -> PlatformRequest:
        parts = [
            Part("published", b"false"),
            Part("alt_text_custom", picture.alt.encode()),
            self.upload_part("source", picture),
        ]
        return multipart_request("POST", f"{self._page()}/photos", parts, self._bearer())

    def _same(self, post: dict[str, object], draft: Draft, since: datetime) -> bool:
        created = iso_from(post.get("created_time"))
        if created is not None and created < since:
            return False
        message = str(post.get("message") or "")
        links = [item.get("unshimmed_url") for item in objects(under(post, "attachments", "data"))]
        return one_line(message) == one_line(self._message(draft)) or (bool(draft.url) and draft.url in links)

    @staticmethod
    def _remote(identifier: str, url: str = "") -> Remote:
        return Remote(identifier, url or f"https://www.facebook.com/{identifier}")

    def _page(self) -> str:
        return f"{self.options.base_url}/{self.options.page or '{page}'}"

    def _bearer(self) -> tuple[str, str]:
        return bearer(self.secret("token"))
