"""X: ``POST /2/tweets``. Source: docs.x.com, "Create Post", "Counting characters", "Rate limits", "Pricing".

X knows no idempotency key. After a lost reply our own timeline is read; the refusal of a duplicate text means
that it is out there already. X bills each post, more where it holds a URL: :meth:`Channel.price` says it before.
X lets an app reply only where it was mentioned or quoted, so a thread of posts may be refused; it is off by default.
Credentials: the four OAuth 1.0a values of an app (they do not expire), or an OAuth 2.0 user token.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from pydantic import Field

from publisher.channels._base import BaseChannel, Draft, Picture, Remote
from publisher.channels._counting import x_links, x_valid, x_weight
from publisher.channels._instants import epoch_from, iso_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._oauth1 import Credentials, authorization, nonce
from publisher.channels._requests import Part, PlatformRequest, bearer, json_request, multipart_request
from publisher.errors import OutcomeUnknown
from publisher.lib.foreign import mapping, objects, under
from publisher.lib.text import one_line
from publisher.settings.base import HttpUrl, Secret, Table


class Channel(BaseChannel):
    kind = "x"
    label = "X"
    looks = 3
    threads = True
    hashtags = 2
    picture_limit = PictureLimit(bytes=5_000_000, edge=4096, alt=1000)

    class Options(Table):
        base_url: HttpUrl = Field(default="https://api.x.com", description="Where the API is reached.")
        token: Secret | None = Field(
            default=None,
            description="OAuth 2.0 user token with tweet.read, tweet.write and users.read; for images media.write too.",
        )
        api_key: Secret | None = Field(default=None, description="OAuth 1.0a consumer key, with the next three.")
        api_secret: Secret | None = Field(default=None, description="OAuth 1.0a consumer secret.")
        access_token: Secret | None = Field(default=None, description="OAuth 1.0a access token.")
        access_secret: Secret | None = Field(default=None, description="OAuth 1.0a access token secret.")
        limit: int = Field(default=280, ge=25, le=25000, description="Units a post may have; more for paid accounts.")
        price_text: float = Field(default=0.015, ge=0, description="US dollars X bills for a post without a URL.")
        price_link: float = Field(default=0.200, ge=0, description="US dollars X bills for a post that holds a URL.")
        monthly_cap: float = Field(default=0, ge=0, description="US dollars to spend in a calendar month; 0: no cap.")

    options: Options

    @classmethod
    def lacks(cls, options: Table) -> str:
        assert isinstance(options, cls.Options)
        four = (options.api_key, options.api_secret, options.access_token, options.access_secret)
        if options.token or all(four):
            return ""
        return "token: missing; X needs it, or the four of OAuth 1.0a: api_key, api_secret, access_token, access_secret"

    @property
    def limit(self) -> int:
        return self.options.limit

    @property
    def monthly_cap(self) -> int:
        return round(self.options.monthly_cap * 1_000_000)

    def count(self, text: str) -> int:
        return x_weight(text)

    def fits(self, text: str) -> bool:
        return x_weight(text) <= self.options.limit and x_valid(text)

    def price(self, text: str) -> int:
        return round((self.options.price_link if x_links(text) else self.options.price_text) * 1_000_000)

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        before: list[PlatformRequest] = []
        if draft.picture:
            before.append(self._upload(draft.picture))
            if draft.picture.alt:
                before.append(self._describe("{media_id}", draft.picture.alt))
        return (*before, self._create(draft, "{media_id}" if draft.picture else ""))

    def publish(self, draft: Draft, line: Line) -> Remote:
        media = str(line.progress.get("media", ""))
        if draft.picture and not media:
            media = self.field(self.check(line.call(self._upload(draft.picture)), line), "data", "id")
            if draft.picture.alt:
                self.check(line.call(self._describe(media, draft.picture.alt)), line)
            line.progress["media"] = media
            line.save()
        reply = line.call(self._create(draft, media), publishes=True)
        if reply.status == 403 and "duplicate" in reply.text().casefold():
            found = self.find(draft, line)
            if found is None:
                raise OutcomeUnknown("X says that this text was already posted, but it is not on our timeline")
            return found
        return self._remote(self.field(self.check(reply, line), "data", "id"))

    def find(self, draft: Draft, line: Line) -> Remote | None:
        me = self._me(line)
        since = (draft.since or draft.created) - timedelta(minutes=5)
        query = urlencode(
            {
                "max_results": "100",
                "start_time": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "tweet.fields": "created_at,entities,note_tweet",
            }
        )
        reply = self.check(line.call(self._signed("GET", f"/2/users/{quote(me)}/tweets?{query}")), line)
        for post in objects(reply.get("data")):
            if post.get("id") not in draft.before and self._same(post, draft, since):
                return self._remote(str(post.get("id", "")))
        return None

    def test(self, line: Line) -> str:
        reply = self.check(line.call(self._signed("GET", "/2/users/me")), line)
        return f"X: we are @{self.field(reply, 'data', 'username')}"

    def said(self, reply: PlatformReply) -> str:
        value = reply.json()
        return one_line(str(value.get("detail") or value.get("title") or reply.text()))[:300]

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        return epoch_from(reply.headers.get("x-rate-limit-reset")) or super().retry_at(reply, now)

    def _me(self, line: Line) -> str:
        if "user_id" not in line.memory:
            reply = self.check(line.call(self._signed("GET", "/2/users/me")), line)
            line.memory["user_id"] = self.field(reply, "data", "id")
            line.save()
        return str(line.memory["user_id"])

    @staticmethod
    def _same(post: dict[str, object], draft: Draft, since: datetime) -> bool:
        created = iso_from(post.get("created_at"))
        if created is not None and created < since:
            return False
        whole: dict[str, object] = mapping(post.get("note_tweet")) or post
        text = str(whole.get("text", ""))
        for entity in objects(under(whole, "entities", "urls")):
            text = text.replace(str(entity.get("url")), str(entity.get("expanded_url")))
        return one_line(text) == one_line(draft.text) or (draft.first and bool(draft.url) and draft.url in text)

    @staticmethod
    def _remote(identifier: str) -> Remote:
        return Remote(identifier, f"https://x.com/i/status/{identifier}")

    def _create(self, draft: Draft, media: str) -> PlatformRequest:
        body: dict[str, object] = {"text": draft.text}
        if media:
            body["media"] = {"media_ids": [media]}
        if draft.reply_to:
            body["reply"] = {"in_reply_to_tweet_id": draft.reply_to.id}
        return self._signed("POST", "/2/tweets", body)

    def _upload(self, picture: Picture) -> PlatformRequest:
        parts = [Part("media_category", b"tweet_image"), self.upload_part("media", picture)]
        url = f"{self.options.base_url}/2/media/upload"
        return multipart_request("POST", url, parts, self._authorization("POST", url))

    def _describe(self, media: str, alt: str) -> PlatformRequest:
        return self._signed("POST", "/2/media/metadata", {"id": media, "metadata": {"alt_text": {"text": alt}}})

    def _signed(self, method: str, path: str, body: object = None) -> PlatformRequest:
        url = f"{self.options.base_url}{path}"
        header = self._authorization(method, url)
        return PlatformRequest(method, url, (header,)) if body is None else json_request(method, url, body, header)

    def _authorization(self, method: str, url: str) -> tuple[str, str]:
        """OAuth 2.0's bearer header, or OAuth 1.0a's signature (RFC 5849 §3.4.2, HMAC-SHA1)."""
        if self.options.token:
            return bearer(self.secret("token"))
        if not self.options.api_key:  # only a dry run gets here
            return bearer(self.secret("token"))
        credentials = Credentials(
            self.secret("api_key"), self.secret("api_secret"), self.secret("access_token"), self.secret("access_secret")
        )
        now = int(datetime.now(UTC).timestamp())
        value, signature = authorization(method, url, credentials, nonce=nonce(), timestamp=now)
        self.vault.keep(signature)
        return ("Authorization", value)
