"""Reddit link posts: ``POST /api/submit``. Source: reddit.com/dev/api and Reddit's published source.

``resubmit=false`` makes a link exactly-once per subreddit: a second try answers ``ALREADY_SUB``, and the first is
looked up among our own submissions. Reddit answers 200 also to refusals: ``json.errors`` is what counts. The text
is the title; there is nothing else to edit. New access needs Reddit's approval, so the share link comes first.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from pydantic import Field

from publisher.channels import _spans
from publisher.channels._base import BaseChannel, Draft, Remote
from publisher.channels._instants import epoch_from, seconds_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._requests import PlatformRequest, bearer, form_request
from publisher.errors import ChannelError, CredentialsRefused, RateLimited
from publisher.lib.foreign import mapping, objects
from publisher.lib.text import one_line
from publisher.settings.base import HttpUrl, Secret, Table

_WAIT = re.compile(r"(\d+)\s*(millisecond|second|minute|hour|day)", re.IGNORECASE)
_SECONDS = {"millisecond": 0.001, "second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Channel(BaseChannel):
    kind = "reddit"
    label = "Reddit"
    looks = 1
    link_apart = True
    hashtags = 0
    required = ("subreddit", "username", "client_id", "client_secret", "refresh_token")

    class Options(Table):
        base_url: HttpUrl = Field(default="https://oauth.reddit.com", description="Where the API is reached.")
        token_url: HttpUrl = Field(
            default="https://www.reddit.com/api/v1/access_token", description="Where access tokens are had."
        )
        subreddit: str = Field(default="", pattern=r"^(u_)?[A-Za-z0-9_-]*$", description="Name without r/.")
        username: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$", description="Account that posts, without u/.")
        client_id: str = Field(default="", description="Id of the approved app.")
        client_secret: Secret | None = Field(default=None, description="Secret of the approved app.")
        refresh_token: Secret | None = Field(
            default=None, description="Permanent token with the scopes submit, read, history and identity."
        )
        flair_id: str = Field(default="", description="Id of the link flair.")
        nsfw: bool = Field(default=False, description="Mark as not safe for work.")
        send_replies: bool = Field(default=False, description="Replies go to the account's inbox.")

    options: Options

    limit = 300

    def count(self, text: str) -> int:
        """Code points of the title; Reddit collapses white space to one space."""
        return len(one_line(text))

    def cut(self, text: str, url: str = "") -> str:
        return _spans.cut(one_line(text), self.fits, url)

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        return self._token_request(), self._submit(draft, "{access_token}")

    def publish(self, draft: Draft, line: Line) -> Remote:
        bought = "token" not in line.memory
        reply = line.call(self._submit(draft, self._token(line)), publishes=True)
        if reply.status == 401 and not bought:  # certainly refused: the kept token is over, so a new one is bought
            line.memory.pop("token", None)
            reply = line.call(self._submit(draft, self._token(line)), publishes=True)
        self.check(reply, line)
        errors = reply.get("json", "errors")
        if isinstance(errors, list) and errors:
            return self._refused(reply, errors[0], draft, line)
        name = self.field(reply, "json", "data", "name")
        return Remote(name, str(reply.get("json", "data", "url") or self._link(name)))

    def _refused(self, reply: PlatformReply, error: object, draft: Draft, line: Line) -> Remote:
        parts = [str(part) for part in error] if isinstance(error, list) else [str(error)]
        code, said = parts[0] if parts else "", one_line(": ".join(parts[:2]))[:300]
        if code == "ALREADY_SUB":
            found = self.find(draft, line)
            if found is None:
                raise ChannelError(f"r/{self.options.subreddit} already has this link, from another account")
            return found
        if code == "RATELIMIT":
            raise RateLimited(f"Reddit asks to wait: {said}", retry_at=_ratelimit(reply, said, line.now()))
        if code in ("USER_REQUIRED", "USER_BLOCKED", "SUBREDDIT_NOTALLOWED"):
            raise CredentialsRefused(f"Reddit does not let {self.options.username} post: {said}")
        raise ChannelError(f"Reddit refused: {said}")

    def find(self, draft: Draft, line: Line) -> Remote | None:
        path = f"/user/{quote(self.options.username)}/submitted?limit=100&sort=new&raw_json=1"
        request = PlatformRequest("GET", f"{self.options.base_url}{path}", (bearer(self._token(line)),))
        children = self.check(line.call(request), line).get("data", "children")
        for child in objects(children):
            post = mapping(child.get("data"))
            same_place = str(post.get("subreddit", "")).casefold() == self.options.subreddit.casefold()
            if same_place and post.get("url") == draft.url:
                name = str(post.get("name", ""))
                permalink = str(post.get("permalink") or "")
                return Remote(name, f"https://www.reddit.com{permalink}" if permalink else self._link(name))
        return None

    def test(self, line: Line) -> str:
        request = PlatformRequest("GET", f"{self.options.base_url}/api/v1/me", (bearer(self._token(line)),))
        name = self.field(self.check(line.call(request), line), "name")
        if name.casefold() != self.options.username.casefold():
            raise ChannelError(f"channels[{self.name}].options.username: the token belongs to {one_line(name)}")
        return f"Reddit: we are u/{name} and post to r/{self.options.subreddit}"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        if reply.status == 403:
            return ChannelError(f"Reddit refused: 403 {self.vault.mask(self.said(reply))}")
        return super().failure(reply, now)

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        return seconds_from(reply.headers.get("x-ratelimit-reset"), now) or super().retry_at(reply, now)

    def _submit(self, draft: Draft, token: str) -> PlatformRequest:
        values = {
            "api_type": "json",
            "sr": self.options.subreddit,
            "kind": "link",
            "title": one_line(draft.text),
            "url": draft.url,
            "resubmit": "false",
            "sendreplies": str(self.options.send_replies).lower(),
            "nsfw": str(self.options.nsfw).lower(),
            "raw_json": "1",
        }
        if self.options.flair_id:
            values["flair_id"] = self.options.flair_id
        return form_request("POST", f"{self.options.base_url}/api/submit", values, bearer(token))

    def _token_request(self) -> PlatformRequest:
        user = f"{self.options.client_id}:{self.secret('client_secret')}"
        basic = ("Authorization", "Basic " + self.vault.keep(base64.b64encode(user.encode()).decode()))
        values = {"grant_type": "refresh_token", "refresh_token": self.secret("refresh_token")}
        return form_request("POST", self.options.token_url, values, basic)

    def _token(self, line: Line) -> str:
        """The access token, bought once and kept for most of its life."""
        kept = line.memory.get("token")
        until = epoch_from(str(line.memory.get("token_until", "")))
        if kept and until and until > line.now() + timedelta(minutes=5):
            return self.vault.keep(str(kept))
        reply = line.call(self._token_request())
        if reply.status in (400, 401, 403):
            raise CredentialsRefused(f"Reddit no longer accepts our refresh token: {reply.status}")
        token = self.vault.keep(self.field(self.check(reply, line), "access_token"))
        seconds = reply.get("expires_in")
        line.memory["token"] = token
        lifetime = seconds if isinstance(seconds, int) else 3600
        line.memory["token_until"] = str((line.now() + timedelta(seconds=lifetime)).astimezone(UTC).timestamp())
        line.save()
        return token

    @staticmethod
    def _link(name: str) -> str:
        return f"https://www.reddit.com/comments/{name.removeprefix('t3_')}/"


def _ratelimit(reply: PlatformReply, said: str, now: datetime) -> datetime:
    """When Reddit lets this account post again: a number beside the error, or the words of the error itself."""
    exact = seconds_from(reply.get("json", "ratelimit"), now)
    if exact is not None:
        return exact
    match = _WAIT.search(said)
    seconds = int(match[1]) * _SECONDS[match[2].casefold()] if match else 600
    return now + timedelta(seconds=min(seconds + 1, 86400))
