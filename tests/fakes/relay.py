"""A real SMTP relay on loopback that goes wrong on purpose, and remembers every message it took.

What goes wrong is said by the recipient's local part: ``450-anna@…`` is refused with 450 at RCPT, ``drop-anna@…``
loses its connection in the middle of DATA. A number sets how often, before it goes right: ``450x3-anna@…``; without
it a permanent reply comes always and everything else once. The words are the keys of :data:`FAULTS`.

It runs in a thread of the test, so that it survives the workers that are killed, and reads the two streams
(commands, content) strictly: an end of data is CRLF "." CRLF and nothing else, unless it is told to be ``lenient``
as the servers were that SMTP smuggling worked on.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

ALWAYS = 10**9

#: word: (where, how often by itself)
FAULTS = {
    "450": ("RCPT", 1),
    "451": ("end of data", 1),
    "452": ("RCPT", 1),
    "454": ("RCPT", 1),
    "421": ("RCPT", 1),
    "421end": ("end of data", 1),
    "550": ("RCPT", ALWAYS),
    "552": ("RCPT", ALWAYS),
    "554": ("end of data", ALWAYS),
    "vague": ("RCPT", ALWAYS),  # a 550 that says who is meant only in words
    "closed": ("RCPT", ALWAYS),  # the provider has closed the account
    "571": ("RCPT", ALWAYS),
    "530": ("RCPT", ALWAYS),
    "chatty": ("RCPT", ALWAYS),  # a 550 of very many long lines
    "garbage": ("RCPT", 1),
    "garbageend": ("end of data", 1),  # taken, then nonsense
    "hangup": ("RCPT", 1),  # the connection closes at RCPT
    "drop": ("content", 1),  # … in the middle of DATA
    "mute": ("end of data", 1),  # … after the message was taken, before the reply
    "stall": ("end of data", 1),  # not taken; nothing is said any more
    "stallrcpt": ("RCPT", 1),
}
REPLIES = {
    "450": b"450 4.2.1 mailbox busy\r\n",
    "451": b"451 4.3.0 try again\r\n",
    "452": b"452 4.3.1 insufficient system storage\r\n",
    "454": b"454 4.7.0 Throttling failure: Maximum sending rate exceeded\r\n",
    "421": b"421 4.3.2 closing\r\n",
    "421end": b"421 4.3.2 closing\r\n",
    "550": b"550 5.1.1 no such user\r\n",
    "552": b"552 5.2.2 mailbox full\r\n",
    "554": b"554 5.6.0 not accepted\r\n",
    "vague": b"550 5.5.0 Requested action not taken: mailbox unavailable\r\n",
    "closed": b"554 delivery error: this account is disabled\r\n",
    "571": b"550 5.7.1 blocked by policy\r\n",
    "530": b"530 5.7.0 authentication required\r\n",
    "chatty": b"550-5.1.1 " + b"blah " * 100 + b"\r\n",
    "garbage": b"\x00\xffHTTP/1.1 418 teapot\r\n",
    "garbageend": b"\x00\xffHTTP/1.1 418 teapot\r\n",
}
_FAULT = re.compile(r"([a-z0-9]+?)(?:x(\d+))?-")
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^>]*)>", re.IGNORECASE | re.MULTILINE)
_STRICT = re.compile(rb"\r\n\.\r\n")
_LENIENT = re.compile(rb"(?:\r\n|\n|\r)\.(?:\r\n|\n|\r)")


@dataclass
class Habits:
    """How this relay is, apart from single recipients."""

    pipelining: bool = True
    size: int = 0
    eightbit: bool = True
    smtputf8: bool = True
    lenient: bool = False
    close_after: int = 0  # messages of one connection, 0 never
    say_goodbye: bool = False  # 421 before it closes so
    greeting: bytes = b"220 relay.test ESMTP\r\n"
    greeting_delay: float = 0.0
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    offer_starttls: bool = True
    starttls_extra: bytes = b""  # said in clear in the same breath as 220
    break_handshake: bool = False
    credentials: tuple[str, str] | None = None
    mechanisms: str = "PLAIN LOGIN"
    auth_reply: bytes = b""  # instead of the truth
    mail_reply: bytes = b""  # to every MAIL
    rcpt_reply: bytes = b""  # to every RCPT
    delay: float = 0.0  # before each reply to a message
    keep_bodies: bool = False


@dataclass
class Memory:
    """What the relay has seen. ``taken`` counts acceptances by Message-ID; ``bytes_of`` the different contents."""

    taken: Counter[str] = field(default_factory=Counter)
    contents: dict[str, set[str]] = field(default_factory=dict)
    recipients: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    commands_in_clear: list[str] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    overlapping_data: int = 0  # a DATA that came before the reply to the one before

    @property
    def messages(self) -> int:
        """Acceptances in all, copies included."""
        return sum(self.taken.values())

    @property
    def copies(self) -> int:
        """Acceptances beyond the first of each Message-ID."""
        return self.messages - len(self.taken)


class FaultyRelay:
    """``with FaultyRelay() as relay:`` — then send to ``127.0.0.1:relay.port`` and look at ``relay.memory``."""

    def __init__(self, habits: Habits | None = None, *, sees: Callable[[str], None] | None = None) -> None:
        self.habits = habits or Habits()
        self.memory = Memory()
        self.port = 0
        self._injected: Counter[str] = Counter()
        self._sees = sees
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="faulty relay")

    def __enter__(self) -> FaultyRelay:
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def start(self) -> None:
        """Listen: on a new port at first, afterwards on the same one again."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)

    def stop(self) -> None:
        """Stop listening and cut every connection, as a crash would."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)

    async def _start(self) -> None:
        context = self.habits.tls if self.habits.implicit_tls else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context, backlog=200)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            # asyncio loses the socket of a connection that it has accepted when its server is closed in between
            # (an assertion in Server._attach): first no more is accepted, then what was begins its conversation.
            for listening in self._server.sockets:
                self._loop.remove_reader(listening.fileno())
            for _ in range(10):
                await asyncio.sleep(0)
            self._server.close()
            self._server = None
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        memory = self.memory
        memory.connections += 1
        memory.at_once += 1
        memory.most_at_once = max(memory.most_at_once, memory.at_once)
        try:
            await _Conversation(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, _HangUp, asyncio.CancelledError):
            pass
        finally:
            memory.at_once -= 1
            writer.transport.abort()

    def fault_of(self, recipient: str, where: str) -> str:
        """The fault to play now for ``recipient``, empty for none; counts it as played."""
        found = _FAULT.match(recipient)
        if found is None or found[1] not in FAULTS or FAULTS[found[1]][0] != where:
            return ""
        limit = int(found[2]) if found[2] else FAULTS[found[1]][1]
        self._injected[recipient] += 1
        return found[1] if self._injected[recipient] <= limit else ""

    def take(self, recipient: str, content: bytes) -> None:
        """Remember one accepted message."""
        found = _MESSAGE_ID.search(content)
        message_id = found[1].decode() if found else "none"
        self.memory.taken[message_id] += 1
        self.memory.recipients[recipient] += 1
        self.memory.contents.setdefault(message_id, set()).add(hashlib.sha256(content).hexdigest())
        if self.habits.keep_bodies:
            self.memory.bodies.append(content)
        if self._sees is not None:
            self._sees(message_id)


class _HangUp(Exception):
    pass


class _Conversation:
    def __init__(self, relay: FaultyRelay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.relay = relay
        self.habits = relay.habits
        self.memory = relay.memory
        self.reader = reader
        self.writer = writer
        self.secure = relay.habits.implicit_tls
        self.known = False
        self.sender: str | None = None
        self.recipient: str | None = None
        self.count = 0
        self.buffer = b""

    async def say(self, *replies: bytes) -> None:
        self.writer.write(b"".join(replies))
        await self.writer.drain()

    async def more(self) -> None:
        data = await self.reader.read(65536)
        if not data:
            raise _HangUp
        self.buffer += data

    async def line(self) -> str:
        while b"\r\n" not in self.buffer:
            await self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    async def run(self) -> None:
        if self.habits.greeting_delay:
            await asyncio.sleep(self.habits.greeting_delay)
        await self.say(self.habits.greeting)
        if not self.habits.greeting.startswith(b"220"):
            raise _HangUp
        while True:
            line = await self.line()
            self.memory.commands.append(line)
            if not self.secure:
                self.memory.commands_in_clear.append(line)
            command, _, rest = line.partition(" ")
            handler = getattr(self, f"do_{command.lower()}", None)
            if handler is None:
                await self.say(b"500 5.5.2 what?\r\n")
            else:
                await handler(rest)

    async def do_ehlo(self, rest: str) -> None:
        habits = self.habits
        lines = ["relay.test"]
        if habits.pipelining:
            lines.append("PIPELINING")
        if habits.size:
            lines.append(f"SIZE {habits.size}")
        if habits.eightbit:
            lines.append("8BITMIME")
        if habits.smtputf8:
            lines.append("SMTPUTF8")
        if habits.tls and not self.secure and habits.offer_starttls:
            lines.append("STARTTLS")
        if habits.credentials and (self.secure or not habits.tls):
            lines.append(f"AUTH {habits.mechanisms}")
        lines.append("ENHANCEDSTATUSCODES")
        *first, last = lines
        await self.say(*(f"250-{line}\r\n".encode() for line in first), f"250 {last}\r\n".encode())

    async def do_starttls(self, rest: str) -> None:
        await self.say(b"220 2.0.0 go ahead\r\n" + self.habits.starttls_extra)
        if self.habits.break_handshake:
            await self.reader.read(100)
            await self.say(b"\x15\x03\x03\x00\x02\x02\x28 no TLS here\r\n")
            raise _HangUp
        assert self.habits.tls is not None
        self.buffer = b""
        await self.writer.start_tls(self.habits.tls)
        self.secure = True

    async def do_auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if self.habits.auth_reply:
            return await self.say(self.habits.auth_reply)
        if mechanism == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
        else:
            await self.say(b"334 VXNlcm5hbWU6\r\n")
            user = base64.b64decode(await self.line()).decode()
            await self.say(b"334 UGFzc3dvcmQ6\r\n")
            password = base64.b64decode(await self.line()).decode()
        if (user, password) != self.habits.credentials:
            return await self.say(b"535 5.7.8 authentication credentials invalid\r\n")
        self.known = True
        await self.say(b"235 2.7.0 welcome\r\n")

    async def do_mail(self, rest: str) -> None:
        if self.habits.credentials and not self.known:
            return await self.say(b"530 5.7.0 authentication required\r\n")
        if self.sender is not None:
            return await self.say(b"503 5.5.1 nested MAIL command\r\n")
        if self.habits.mail_reply:
            return await self.say(self.habits.mail_reply)
        if self.habits.close_after and self.count >= self.habits.close_after:
            if self.habits.say_goodbye:
                await self.say(b"421 4.7.0 enough for one connection\r\n")
            raise _HangUp
        self.sender = rest
        await self.say(b"250 2.1.0 Ok\r\n")

    async def do_rcpt(self, rest: str) -> None:
        if self.sender is None:
            return await self.say(b"503 5.5.1 need MAIL command\r\n")
        if self.habits.rcpt_reply:
            return await self.say(self.habits.rcpt_reply)
        recipient = rest.removeprefix("TO:<").partition(">")[0]
        fault = self.relay.fault_of(recipient, "RCPT")
        if not fault:
            self.recipient = recipient
            return await self.say(b"250 2.1.5 Ok\r\n")
        self.memory.refused[recipient] += 1
        if fault == "hangup":
            raise _HangUp
        if fault == "stallrcpt":
            await asyncio.sleep(3600)
        if fault == "chatty":
            return await self.say(REPLIES[fault] * 500, b"550 5.1.1 no\r\n")
        await self.say(REPLIES[fault])
        if fault in ("421", "garbage"):
            raise _HangUp

    async def do_data(self, rest: str) -> None:
        if self.recipient is None:
            return await self.say(b"503 5.5.1 need RCPT command\r\n")
        if self.buffer:
            self.memory.overlapping_data += 1
        await self.say(b"354 go ahead\r\n")
        recipient = self.recipient
        if self.relay.fault_of(recipient, "content"):
            while len(self.buffer) < 40:
                await self.more()
            raise _HangUp
        end = _LENIENT if self.habits.lenient else _STRICT
        content = b"\r\n"
        while True:
            seen = max(0, len(content) - 5)
            content += self.buffer
            self.buffer = b""
            found = end.search(content, seen)
            if found:
                break
            await self.more()
        self.buffer = content[found.end() :]
        if self.buffer.startswith(b"DATA") or b"\r\nDATA\r\n" in self.buffer:
            self.memory.overlapping_data += 1
        body = content[2 : found.start() + 2].replace(b"\r\n..", b"\r\n.").removeprefix(b".")
        self.sender = self.recipient = None
        if self.habits.delay:
            await asyncio.sleep(self.habits.delay)
        await self.answer(recipient, body)

    async def answer(self, recipient: str, body: bytes) -> None:
        fault = self.relay.fault_of(recipient, "end of data")
        if fault == "stall":
            await asyncio.sleep(3600)
        if not fault or fault in ("mute", "garbageend"):
            self.relay.take(recipient, body)
            self.count += 1
        else:
            self.memory.refused[recipient] += 1
        if fault == "mute":
            raise _HangUp
        await self.say(REPLIES[fault] if fault else b"250 2.0.0 Ok: queued\r\n")
        if fault in ("421end", "garbageend"):
            raise _HangUp

    async def do_rset(self, rest: str) -> None:
        self.sender = self.recipient = None
        await self.say(b"250 2.0.0 Ok\r\n")

    async def do_quit(self, rest: str) -> None:
        await self.say(b"221 2.0.0 bye\r\n")
        raise _HangUp
