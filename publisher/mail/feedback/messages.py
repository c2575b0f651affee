"""One message that came in → what it reports, if it reports anything about us.

The questions in their order, one function each:

1. Was it sent to one of our return paths? ``u+…`` unsubscribes; ``b+…`` may be a bounce. Without a domain for return
   paths, the subject that the ``mailto:`` in List-Unsubscribe asks for unsubscribes by the token in it.
2. Is it a feedback report (ARF, RFC 5965)? Then the message it brings back must hold one of our MACs. Whoever was
   forwarded a digest has these too: only a report to an address of ``complaints_to`` is a complaint, every other is
   doubtful and does no more than the link in the digest could.
3. Is it a delivery status (DSN, RFC 3464)? Its first failed recipient is ours: each message has only one. It proves
   itself by the return path it came to, or by what the headers it brings back hold and no body does: a return path,
   or the token of the ``mailto:`` in List-Unsubscribe. The one-click link is no proof, since it stands in the body of
   every digest, and so in each that was forwarded.
4. Is it a bounce in free words, from a null sender? Only an enhanced status in its first lines counts; the proof is
   the same.

A message is read up to :data:`MAX_OCTETS` and :data:`MAX_PARTS`; reports put what matters first. One that
declares more parts than that is not parsed, since the time it takes grows with the octets times the nesting.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

from publisher.lib.tokens import Keyring, Purpose, read
from publisher.mail.feedback import verp
from publisher.mail.feedback.reports import MAIL, Kind, Report, cause_of, masked, status_in

MAX_OCTETS = 512 * 1024
MAX_PARTS = 40
#: Where a delivery agent writes the envelope's recipient.
_RECIPIENT_HEADERS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to")
_BOUNDARY = re.compile(rb"boundary[\x00-\x20*0-9]*=", re.IGNORECASE)
_OUR_LINK = re.compile(r"/unsubscribe/([A-Za-z0-9_-]{24,100})")
#: In the ``mailto:`` of List-Unsubscribe (:func:`publisher.mail.feedback.verp.unsubscribe_mailto`).
_OUR_SUBJECT = re.compile(r"subject=unsubscribe%20([A-Za-z0-9_-]{24,100})", re.IGNORECASE)
#: Feedback-Type values that mean "the subscriber does not want this" (RFC 5965 §7.3, RFC 6430 for opt-out).
_COMPLAINTS = frozenset({"abuse", "fraud", "other", "opt-out", "opt-out-list"})
_ASKED = re.compile(r"unsubscribe[:.]?([A-Za-z0-9_-]{24,100})", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>;:,\"]{1,64}@[^\s<>;:,\"]{1,255}")
#: Media types of a message that is brought back, or of its headers.
_ORIGINALS = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "text/rfc822-header"}
)
#: List-Unsubscribe in a message that was copied into the text of a bounce; its folded lines may be indented or quoted.
_LISTED = re.compile(r"^[> \t]{0,8}List-Unsubscribe:([^\n]{0,2000}(?:\n[> \t]+[^\n]{0,2000}){0,6})", re.I | re.M)
_COMMENT = re.compile(r"\(.*")
_NULL_SENDER = re.compile(r"mailer-daemon|postmaster", re.IGNORECASE)


def read_mail(
    raw: bytes,
    keyring: Keyring,
    envelope_to: Iterable[str] = (),
    source: str = MAIL,
    *,
    complaints_to: Collection[str] = (),
) -> Report | None:
    """What this message reports about one of our subscribers; ``None`` for everything else. Never raises.

    :param envelope_to: recipients of the envelope, where the mailbox knows them (LMTP does).
    :param complaints_to: addresses that only feedback loops were told of.
    """
    message = _parse(raw)
    if message is None:
        return None
    headers = _headers(message)
    recipients = [*envelope_to, *(value for name in _RECIPIENT_HEADERS for value in headers.get(name, ()))]
    to = verp.find(keyring, recipients)
    if to is not None and to.purpose is Purpose.MAIL_UNSUBSCRIBE:
        return Report(Kind.UNSUBSCRIBE, source, to.subscriber_id, to.edition_id)
    asked = _asked_by_subject(headers, keyring)
    if asked is not None:
        return Report(Kind.UNSUBSCRIBE, source, *asked)
    parts = list(_parts(message))
    complaint = _complaint(parts, keyring, source, known=_is_to(recipients, complaints_to))
    if complaint is not None:
        return complaint
    fields = _delivery_status(parts)
    if fields is None:
        fields = _in_words(headers, parts)
    if fields is None:
        return None
    about = (to.subscriber_id, to.edition_id) if to is not None else _brought_back(parts, keyring)
    if about is None:
        return None
    status, diagnostic = fields
    return Report(
        Kind.BOUNCE,
        source,
        *about,
        cause=cause_of(status, diagnostic),
        status=status,
        detail=masked(diagnostic),
    )


def _parse(raw: bytes) -> Message | None:
    raw = raw[:MAX_OCTETS]
    if sum(1 for _ in _BOUNDARY.finditer(raw)) > MAX_PARTS:
        return None
    try:
        # compat32 leaves header values alone; the newer policies parse them, and can fail on hostile ones.
        return BytesParser(policy=compat32).parsebytes(raw)
    except (RecursionError, LookupError, ValueError, TypeError, AttributeError, AssertionError):
        return None


def _headers(message: Message) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in message.items()[:300]:
        found.setdefault(name.lower(), []).append(str(value)[:8000])
    return found


def _parts(message: Message) -> Iterator[tuple[str, Message]]:
    """``(media type, part)`` depth first, the message itself first; at most :data:`MAX_PARTS`, without recursion."""
    waiting = [message]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        yield _media_type(part), part
        inside = part.get_payload()
        if isinstance(inside, list):
            waiting += [one for one in reversed(inside) if isinstance(one, Message)]


def _media_type(part: Message) -> str:
    value = str(part.get("content-type", "text/plain"))[:200]
    return value.partition(";")[0].strip().lower()


def _text(part: Message, limit: int = 20_000) -> str:
    payload = part.get_payload()
    if not isinstance(payload, str):
        return ""
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding in ("quoted-printable", "base64"):
        try:
            decoded = part.get_payload(decode=True)
        except (ValueError, LookupError, TypeError, AssertionError):
            decoded = None
        return decoded[:limit].decode("utf-8", "replace") if isinstance(decoded, bytes) else ""
    return payload[:limit]


def _fields(part: Message) -> list[dict[str, str]]:
    """Groups of ``name: value`` of a machine-readable part; the parser gives them as messages or as text."""
    inside = part.get_payload()
    groups = [one for one in inside[:20] if isinstance(one, Message)] if isinstance(inside, list) else []
    if not groups:
        text = _text(part)
        for block in re.split(r"\r?\n[ \t]*\r?\n", text)[:20]:
            parsed = _parse(block.strip().encode("utf-8", "surrogateescape") + b"\n\n")
            if parsed is not None:
                groups.append(parsed)
    return [{name.lower(): str(value)[:2000] for name, value in one.items()[:60]} for one in groups]


def _delivery_status(parts: list[tuple[str, Message]]) -> tuple[str, str] | None:
    """Status and diagnostic of the first recipient that failed or was delayed (RFC 3464 §2.3)."""
    for media_type, part in parts:
        if media_type not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        for group in _fields(part):
            # Some systems write a comment behind the word: "failed (bad destination mailbox address)".
            action = _COMMENT.sub("", group.get("action", "")).strip().lower()
            if action not in ("failed", "delayed"):
                continue
            said = group.get("diagnostic-code") or group.get("x-supplementary-info", "")
            diagnostic = said.partition(";")[2] or said
            stated = status_in(group.get("status", ""))
            # Many systems write 5.0.0 and put the true code into the diagnostic (seen from Exchange and Postfix).
            better = status_in(diagnostic)
            status = better if better and stated[1:] in ("", ".0.0") else stated
            if action == "delayed" and not status.startswith("4"):
                status = "4.0.0"
            return status, diagnostic
    return None


def _in_words(headers: dict[str, list[str]], parts: list[tuple[str, Message]]) -> tuple[str, str] | None:
    """A bounce that is no RFC 3464 report: from a null sender, not automatic in another way, with a status code."""
    sender = " ".join((*headers.get("return-path", ()), *headers.get("from", ())))
    null_path = any(value.strip() == "<>" for value in headers.get("return-path", ()))
    if not null_path and not _NULL_SENDER.search(sender):
        return None
    submitted = " ".join(headers.get("auto-submitted", ())).lower()
    if "auto-replied" in submitted or "auto-notified" in submitted or "x-autoreply" in headers:
        return None
    for media_type, part in parts:
        if media_type == "text/plain":
            text = _text(part, 4000)
            status = status_in(text)
            if status and not status.startswith("2"):
                line = next((one for one in text.splitlines() if status_in(one) == status), text)
                return status, line
    return None


def _asked_by_subject(headers: dict[str, list[str]], keyring: Keyring) -> tuple[int, int] | None:
    """Whom the subject of our ``mailto:`` in List-Unsubscribe names, and in which edition it stood."""
    for subject in headers.get("subject", ()):
        for found in _ASKED.finditer("".join(subject.split())):
            numbers = read(keyring, Purpose.MAIL_UNSUBSCRIBE, found[1], 2)
            if numbers is not None:
                return numbers[0], numbers[1]
    return None


def _is_to(recipients: Iterable[str], addresses: Collection[str]) -> bool:
    wanted = {address.casefold() for address in addresses}
    return any(found[0].casefold() in wanted for text in recipients for found in _ADDRESS.finditer(text[:8000]))


def _brought_back(parts: list[tuple[str, Message]], keyring: Keyring) -> tuple[int, int] | None:
    """Subscriber and edition of the message of ours whose headers a bounce brings back, as a part or in its text."""
    for media_type, part in parts[1:]:
        if media_type in _ORIGINALS and (original := _original(part)) is not None:
            about = _proven(_headers(original), keyring)
            if about is not None:
                return about
    for media_type, part in parts:
        if media_type == "text/plain":
            for found in _LISTED.finditer(_text(part)):
                about = _proven({"list-unsubscribe": [found[1]]}, keyring)
                if about is not None:
                    return about
    return None


def _complaint(parts: list[tuple[str, Message]], keyring: Keyring, source: str, *, known: bool) -> Report | None:
    report: dict[str, str] | None = None
    for media_type, part in parts:
        if media_type == "message/feedback-report":
            for group in _fields(part):
                report = {**(report or {}), **group}
        elif report is not None and media_type in _ORIGINALS:
            original = _original(part)
            if original is None:
                continue
            kind = report.get("feedback-type", "").strip().lower()
            if kind not in _COMPLAINTS:
                return None  # not-spam, virus, auth-failure: nothing about what the subscriber wants
            about = _identify(_headers(original), keyring)
            if about is None:
                return None
            agent = report.get("user-agent", "")
            judged = Kind.COMPLAINT if known else Kind.DOUBTFUL
            return Report(judged, source, about[0], about[1], detail=masked(f"{kind}, reported by {agent}"))
    return None


def _original(part: Message) -> Message | None:
    inside = part.get_payload()
    if isinstance(inside, list):
        return inside[0] if inside and isinstance(inside[0], Message) else None
    return _parse(_text(part).encode("utf-8", "surrogateescape"))


def _proven(headers: dict[str, list[str]], keyring: Keyring) -> tuple[int, int] | None:
    """Subscriber and edition, from the MACs that only the headers of a message of ours hold."""
    texts = [
        value for name in ("return-path", "list-unsubscribe", "x-original-from") for value in headers.get(name, ())
    ]
    path = verp.find(keyring, texts)
    if path is not None:
        return path.subscriber_id, path.edition_id
    return _listed(headers, keyring, Purpose.MAIL_UNSUBSCRIBE, _OUR_SUBJECT)


def _identify(headers: dict[str, list[str]], keyring: Keyring) -> tuple[int, int] | None:
    """The same, or from the one-click link, which the body holds too: enough to unsubscribe, as the link itself is."""
    return _proven(headers, keyring) or _listed(headers, keyring, Purpose.UNSUBSCRIBE, _OUR_LINK)


def _listed(
    headers: dict[str, list[str]], keyring: Keyring, purpose: Purpose, where: re.Pattern[str]
) -> tuple[int, int] | None:
    for value in headers.get("list-unsubscribe", ()):
        for found in where.finditer("".join(value.split())):
            numbers = read(keyring, purpose, found[1], 2)
            if numbers is not None:
                return numbers[0], numbers[1]
    return None
