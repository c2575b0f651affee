"""Bluesky: ``com.atproto.repo.putRecord``. Source: the AT Protocol's lexicons (app.bsky.feed.post, com.atproto.*).

Exactly once: the record's key is a TID made of the post's own key and its fixed ``createdAt``, so the same post is
always the same record, however often it is put. Positions of facets are UTF-8 bytes, ends exclusive. Nobody makes
the card of a link but the client, so title, description and thumbnail go with the record. Sessions are few
(300 a day): they are kept and refreshed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pydantic import Field

from publisher.channels import _spans
from publisher.channels._base import BaseChannel, Draft, Facet, Picture, Remote
from publisher.channels._counting import grapheme_count
from publisher.channels._instants import epoch_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import PlatformRequest, bearer, json_request
from publisher.errors import ChannelError, CredentialsRefused
from publisher.lib.foreign import mapping
from publisher.lib.text import graphemes, one_line, shorten
from publisher.settings.base import HttpUrl, Secret, Table

_TID = "234567abcdefghijklmnopqrstuvwxyz"
_MAX_BYTES = 3000
#: Graphemes of a link that is shown whole; a longer one would leave too little of the 300.
_MAX_SHOWN = 180


class Channel(BaseChannel):
    kind = "bluesky"
    label = "Bluesky"
    looks = 0
    threads = True
    card = True
    limit = 300
    picture_limit = PictureLimit(bytes=1_900_000, edge=2000, alt=2000)
    thumbnail_limit = PictureLimit(bytes=950_000, edge=1200, alt=0)
    required = ("handle", "app_password")

    class Options(Table):
        base_url: HttpUrl = Field(default="https://bsky.social", description="The account's server (PDS).")
        handle: str = Field(default="", description="The account, such as news.example.org.")
        app_password: Secret | None = Field(default=None, description="An app password of the account.")

    options: Options

    def count(self, text: str) -> int:
        """Graphemes; the 3,000 bytes are a second limit that :meth:`fits` knows."""
        return grapheme_count(text)

    def fits(self, text: str) -> bool:
        return grapheme_count(text) <= self.limit and len(text.encode()) <= _MAX_BYTES

    def cut(self, text: str, url: str = "") -> str:
        return super().cut(*_with_short_link(text, url))

    def split(self, text: str, url: str = "", most: int = 1) -> list[str]:
        return super().split(*_with_short_link(text, url), most)

    def facets(self, text: str) -> tuple[Facet, ...]:
        """Links and tags. A mention needs the other account's DID, which only a look-up gives: it stays text."""
        found = []
        for span in _spans.spans(text):
            if span.kind == "mention" or (span.kind == "tag" and not _tag_fits(span.value)):
                continue
            start = len(text[: span.start].encode())
            found.append(Facet(start, start + len(text[span.start : span.end].encode()), span.kind, span.value))
        return tuple(found)

    def record(self, draft: Draft, blobs: dict[str, object]) -> dict[str, object]:
        """The ``app.bsky.feed.post`` record; ``blobs`` holds what was uploaded as picture and thumbnail."""
        record: dict[str, object] = {
            "$type": "app.bsky.feed.post",
            "text": draft.text,
            "createdAt": draft.created.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if draft.language:
            record["langs"] = [draft.language]
        if tags := [tag for tag in draft.tags if _tag_fits(tag)][:8]:
            record["tags"] = tags
        if facets := (*self._short_link(draft), *self.facets(draft.text)):
            record["facets"] = [_facet(facet) for facet in facets]
        if "picture" in blobs and draft.picture:
            ratio = {"width": draft.picture.width, "height": draft.picture.height}
            image = {"image": blobs["picture"], "alt": draft.picture.alt, "aspectRatio": ratio}
            record["embed"] = {"$type": "app.bsky.embed.images", "images": [image]}
        elif draft.first and draft.url:
            external: dict[str, object] = {
                "uri": draft.url,
                "title": draft.title,
                "description": shorten(draft.summary, 300),
            }
            if "thumbnail" in blobs:
                external["thumb"] = blobs["thumbnail"]
            record["embed"] = {"$type": "app.bsky.embed.external", "external": external}
        if draft.reply_to and draft.root:
            record["reply"] = {"root": _reference(draft.root), "parent": _reference(draft.reply_to)}
        return record

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        requests = [self._login()]
        blobs: dict[str, object] = {}
        for name in ("picture", "thumbnail"):
            if picture := self._image(draft, name):
                requests.append(self._upload(picture, "{access_token}"))
                reference = {"$link": f"{{{name}_cid}}"}
                blobs[name] = {
                    "$type": "blob",
                    "ref": reference,
                    "mimeType": picture.media_type,
                    "size": len(picture.data),
                }
        return (*requests, self._put(draft, blobs, "{did}", "{access_token}"))

    def publish(self, draft: Draft, line: Line) -> Remote:
        did, token = self._session(line)
        blobs = dict(mapping(line.progress.get("blobs")))
        for name in ("picture", "thumbnail"):
            picture = self._image(draft, name)
            if picture and name not in blobs:
                reply = self.check(line.call(self._upload(picture, token)), line)
                blobs[name] = reply.get("blob")
                line.progress["blobs"] = blobs
                line.save()
        reply = self.check(line.call(self._put(draft, blobs, did, token), publishes=True), line)
        return Remote(self.field(reply, "uri"), self._link(did, record_key(draft)), self.field(reply, "cid"))

    def test(self, line: Line) -> str:
        line.memory.clear()
        did, _ = self._session(line)
        return f"Bluesky: we are {self.options.handle} ({did})"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        if reply.get("error") in ("ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"):
            return CredentialsRefused(f"Bluesky no longer accepts our session: {self.vault.mask(self.said(reply))}")
        return super().failure(reply, now)

    def said(self, reply: PlatformReply) -> str:
        value = reply.json()
        return one_line(f"{value['error']}: {value.get('message', '')}")[:300] if "error" in value else reply.text()

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        return epoch_from(reply.headers.get("ratelimit-reset")) or super().retry_at(reply, now)

    @staticmethod
    def _short_link(draft: Draft) -> tuple[Facet, ...]:
        """The facet that leads from a link's shortened form to the whole of it."""
        shown = short_link(draft.url)
        start = draft.text.rfind(shown) if draft.url and draft.url not in draft.text else -1
        if start < 0:
            return ()
        position = len(draft.text[:start].encode())
        return (Facet(position, position + len(shown.encode()), "link", draft.url),)

    @staticmethod
    def _image(draft: Draft, name: str) -> Picture | None:
        if name == "picture":
            return draft.picture
        return draft.thumbnail if draft.first and draft.url and not draft.picture else None

    @staticmethod
    def _link(did: str, key: str) -> str:
        return f"https://bsky.app/profile/{did}/post/{key}"

    def _session(self, line: Line) -> tuple[str, str]:
        """``(did, access token)``: the kept session, else a refreshed one, else a new one."""
        kept = line.memory
        if kept.get("handle") == self.options.handle and kept.get("access"):
            until = _expiry(str(kept["access"]))
            if until is None or until > line.now() + timedelta(minutes=2):
                return str(kept["did"]), self.vault.keep(str(kept["access"]))
            refresh = self.vault.keep(str(kept.get("refresh", "")))
            url = f"{self.options.base_url}/xrpc/com.atproto.server.refreshSession"
            reply = line.call(PlatformRequest("POST", url, (bearer(refresh),)))
            if reply.ok:
                return self._keep(reply, line)
        reply = line.call(self._login())
        if reply.status in (400, 401) and reply.status != 429:
            raise CredentialsRefused(f"Bluesky refused to log us in: {self.vault.mask(self.said(reply))}")
        return self._keep(self.check(reply, line), line)

    def _keep(self, reply: PlatformReply, line: Line) -> tuple[str, str]:
        did, access = self.field(reply, "did"), self.vault.keep(self.field(reply, "accessJwt"))
        refresh = self.vault.keep(self.field(reply, "refreshJwt"))
        line.memory.update(handle=self.options.handle, did=did, access=access, refresh=refresh)
        line.save()
        return did, access

    def _login(self) -> PlatformRequest:
        body = {"identifier": self.options.handle, "password": self.secret("app_password")}
        return json_request("POST", f"{self.options.base_url}/xrpc/com.atproto.server.createSession", body)

    def _upload(self, picture: Picture, token: str) -> PlatformRequest:
        url = f"{self.options.base_url}/xrpc/com.atproto.repo.uploadBlob"
        return PlatformRequest("POST", url, (bearer(token), ("Content-Type", picture.media_type)), picture.data)

    def _put(self, draft: Draft, blobs: dict[str, object], did: str, token: str) -> PlatformRequest:
        body = {
            "repo": did,
            "collection": "app.bsky.feed.post",
            "rkey": record_key(draft),
            "validate": True,
            "record": self.record(draft, blobs),
        }
        return json_request("POST", f"{self.options.base_url}/xrpc/com.atproto.repo.putRecord", body, bearer(token))


def record_key(draft: Draft) -> str:
    """A TID (atproto.com/specs/tid): microseconds since 1970 and ten bits of clock id, here both of our own key."""
    digest = int.from_bytes(hashlib.sha256(draft.key.encode()).digest()[:8], "big")
    milliseconds = int(draft.created.timestamp() * 1000)
    value = ((milliseconds * 1000 + digest % 1000) << 10) | (digest >> 54)
    return "".join(_TID[(value >> shift) & 31] for shift in range(60, -1, -5))


def short_link(url: str) -> str:
    """What is shown of a link that would leave no room for words; its facet leads to all of it."""
    parts = urlsplit(url)
    return f"{parts.netloc}{shorten(parts.path, 40)}".removesuffix("…") + "…"


def _with_short_link(text: str, url: str) -> tuple[str, str]:
    if url and url in text and grapheme_count(url) > _MAX_SHOWN:
        return text.replace(url, short_link(url)), short_link(url)
    return text, url


def _tag_fits(tag: str) -> bool:
    return 0 < len(graphemes(tag)) <= 64 and len(tag.encode()) <= 640


def _facet(facet: Facet) -> dict[str, object]:
    if facet.kind == "link":
        feature = {"$type": "app.bsky.richtext.facet#link", "uri": facet.value}
    else:
        feature = {"$type": "app.bsky.richtext.facet#tag", "tag": facet.value}
    return {"index": {"byteStart": facet.start, "byteEnd": facet.end}, "features": [feature]}


def _reference(remote: Remote) -> dict[str, str]:
    return {"uri": remote.id, "cid": remote.version}


def _expiry(token: str) -> datetime | None:
    """When a JWT ends (RFC 7519 §4.1.4), ``None`` where it does not say; it is read, not trusted."""
    try:
        payload = token.split(".")[1]
        value = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return epoch_from(str(value["exp"]))
    except (IndexError, ValueError, KeyError, TypeError):
        return None
