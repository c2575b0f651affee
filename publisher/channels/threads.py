"""Threads: a container, then its publication. Source: Meta's Threads API documentation.

Making a container shows nothing to anyone; publishing one twice gives one post. The container's id is written down
before it is published; after a lost reply its status says whether it was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from pydantic import Field

from publisher.channels import _spans
from publisher.channels._base import BaseChannel, Draft, Remote
from publisher.channels._counting import threads_length
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import PlatformRequest, bearer, form_request
from publisher.errors import ChannelError, CredentialsRefused, NotSent, OutcomeUnknown, RateLimited
from publisher.lib.foreign import objects
from publisher.lib.text import one_line
from publisher.settings.base import HttpUrl, Secret, Table

_MAX_LINKS = 5
_SLOW_DOWN = frozenset((4, 17, 32, 341, 613, *range(80000, 80010)))


class Channel(BaseChannel):
    kind = "threads"
    label = "Threads"
    looks = 1
    threads = True
    hashtags = 1  # Threads makes one tag of a post and leaves the others as text
    limit = 500
    picture_limit = PictureLimit(bytes=8_000_000, edge=4096, alt=1000)
    required = ("user_id", "token")

    class Options(Table):
        base_url: HttpUrl = Field(default="https://graph.threads.net/v1.0", description="Where the API is reached.")
        user_id: str = Field(default="", pattern=r"^[0-9]*$", description="The account's numeric id.")
        token: Secret | None = Field(default=None, description="Long-lived token with threads_content_publish.")

    options: Options

    def count(self, text: str) -> int:
        """Characters; an emoji counts its UTF-8 bytes."""
        return threads_length(text)

    def fits(self, text: str) -> bool:
        if threads_length(text) > self.limit:
            return False
        links = {span.value for span in _spans.spans(text) if span.kind == "link"}
        return len(links) <= _MAX_LINKS

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        return self._container(draft), self._publish("{container_id}")

    def publish(self, draft: Draft, line: Line) -> Remote:
        container = str(line.progress.get("container", ""))
        if not container:
            container = self.field(self.check(line.call(self._container(draft)), line), "id")
            line.progress["container"] = container
            line.save()
        if draft.picture:
            reply = self.check(line.call(self._get(f"{quote(container)}?fields=status,error_message")), line)
            if reply.get("status") == "IN_PROGRESS":
                raise NotSent("Threads is still fetching the image")
            if reply.get("status") == "ERROR":
                line.progress.pop("container", None)
                line.save()
                raise ChannelError(f"Threads refused the image: {one_line(str(reply.get('error_message')))[:200]}")
        reply = self.check(line.call(self._publish(container), publishes=True), line)
        return self._remote(self.field(reply, "id"), line)

    def find(self, draft: Draft, line: Line) -> Remote | None:
        container = str(line.progress.get("container", ""))
        if not container:
            return None  # nothing was published: the container comes first
        reply = self.check(line.call(self._get(f"{quote(container)}?fields=status,error_message")), line)
        status = str(reply.get("status") or "")
        if status == "FINISHED":
            return None
        if status in ("ERROR", "EXPIRED"):
            line.progress.pop("container", None)
            line.save()
            return None
        if status != "PUBLISHED":
            raise OutcomeUnknown(f"Threads says {status or 'nothing'} of the container")
        since = (draft.since or draft.created) - timedelta(minutes=5)
        query = urlencode({"fields": "id,permalink,text", "since": str(int(since.timestamp())), "limit": "100"})
        reply = self.check(line.call(self._get(f"{self._user()}/threads?{query}")), line)
        for post in objects(reply.get("data")):
            if post.get("id") in draft.before:
                continue
            if one_line(str(post.get("text") or "")) == one_line(draft.text):
                return Remote(str(post.get("id", "")), str(post.get("permalink") or ""))
        return Remote(container)  # it is out there, although its place is not known

    def test(self, line: Line) -> str:
        reply = self.check(line.call(self._get(f"{self._user()}?fields=id,username")), line)
        return f"Threads: we are @{one_line(self.field(reply, 'username'))}"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        code, said = reply.get("error", "code"), self.vault.mask(self.said(reply))
        if code in _SLOW_DOWN:
            return RateLimited(f"Threads asks to wait: {said}", retry_at=now + timedelta(hours=1))
        if code in (102, 190) or (code == 10) or (isinstance(code, int) and 200 <= code < 300):
            return CredentialsRefused(f"Threads no longer accepts our token: {said}")
        if code in (1, 2):
            return OutcomeUnknown(f"Threads may have posted it: {said}")
        return super().failure(reply, now)

    def said(self, reply: PlatformReply) -> str:
        message, code = reply.get("error", "message"), reply.get("error", "code")
        return one_line(f"{message} (#{code})")[:300] if message else reply.text()

    def _remote(self, identifier: str, line: Line) -> Remote:
        """The post's address is asked for, but the post is published also when nobody answers."""
        try:
            reply = line.call(self._get(f"{quote(identifier)}?fields=permalink"))
        except NotSent:
            return Remote(identifier)
        return Remote(identifier, str(reply.get("permalink") or ""))

    def _container(self, draft: Draft) -> PlatformRequest:
        values = {"media_type": "TEXT", "text": draft.text}
        if draft.picture:  # Threads fetches an image itself, and shows no card beside it
            values |= {"media_type": "IMAGE", "image_url": draft.picture.url, "alt_text": draft.picture.alt}
        elif draft.first and draft.url:
            values["link_attachment"] = draft.url
        if draft.reply_to:
            values["reply_to_id"] = draft.reply_to.id
        return form_request("POST", f"{self.options.base_url}/{self._user()}/threads", values, self._bearer())

    def _publish(self, container: str) -> PlatformRequest:
        url = f"{self.options.base_url}/{self._user()}/threads_publish"
        return form_request("POST", url, {"creation_id": container}, self._bearer())

    def _get(self, path: str) -> PlatformRequest:
        return PlatformRequest("GET", f"{self.options.base_url}/{path}", (self._bearer(),))

    def _user(self) -> str:
        return self.options.user_id or "{user_id}"

    def _bearer(self) -> tuple[str, str]:
        return bearer(self.secret("token"))
