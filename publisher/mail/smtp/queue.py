"""What was pulled from the ledger and not begun: messages that wait for their domain, or came back."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping

from publisher.mail.smtp.pace import Pace
from publisher.mail.smtp.values import Domain
from publisher.mail.transport import Outgoing

#: Messages pulled that wait for their domain; the next ones may be for others.
MAX_PARKED = 64

#: A receiving domain's limits and its rate, by its name in lower case.
Domains = Mapping[str, tuple[Domain, Pace]]


class Queue:
    """The messages of one round.

    :param failed: told what ``source`` raised; the source is over then.
    :ivar wake: when something that waits may go, on ``clock``; 0 while nothing waits for an instant.
    """

    def __init__(
        self,
        source: Iterator[Outgoing],
        domains: Domains,
        clock: Callable[[], float],
        failed: Callable[[Exception], None],
    ) -> None:
        self._source: Iterator[Outgoing] | None = source
        self._domains = domains
        self._clock = clock
        self._failed = failed
        self._waiting: deque[Outgoing] = deque()
        self._in_flight: Counter[str] = Counter()  # by domain, for domains with a limit
        self.wake = 0.0

    @property
    def more(self) -> bool:
        """Whether there is, or may be, another message."""
        return bool(self._waiting) or self._source is not None

    def put_back(self, outgoing: Outgoing) -> None:
        """A message that a connection gave back."""
        self._waiting.append(outgoing)

    def close(self) -> None:
        """Pull no more; what waits stays."""
        self._source = None

    def empty(self) -> Iterator[Outgoing]:
        """Take out all that waits."""
        while self._waiting:
            yield self._waiting.popleft()

    def look(self) -> bool:
        """Whether a message is at hand, pulling one where none waits."""
        if not self._waiting and (outgoing := self._pull()) is not None:
            self._waiting.append(outgoing)
        return bool(self._waiting)

    def next(self) -> Outgoing | None:
        """The next message whose domain may be sent to now; it counts as in flight until :meth:`landed`."""
        if not self._domains:
            return self._waiting.popleft() if self._waiting else self._pull()
        for _ in range(len(self._waiting)):
            outgoing = self._waiting.popleft()
            if self._book(outgoing):
                return outgoing
            self._waiting.append(outgoing)
        while len(self._waiting) < MAX_PARKED:
            pulled = self._pull()
            if pulled is None or self._book(pulled):
                return pulled
            self._waiting.append(pulled)
        return None

    def landed(self, outgoing: Outgoing) -> None:
        """A message that :meth:`next` gave is no longer in flight."""
        if self._domains:
            limits, _ = self._limits(outgoing)
            if limits is not None:
                self._in_flight[limits.name] -= 1

    def sleep(self, seconds: float) -> None:
        """Something may go in so many seconds."""
        self.wake = min(self.wake or float("inf"), self._clock() + seconds)

    def _book(self, outgoing: Outgoing) -> bool:
        limits, pace = self._limits(outgoing)
        if limits is None or pace is None:
            return True
        if limits.connections and self._in_flight[limits.name] >= limits.connections:
            return False
        wait = pace.wait()
        if wait > 0:
            self.sleep(wait)
            return False
        pace.take()
        self._in_flight[limits.name] += 1
        return True

    def _limits(self, outgoing: Outgoing) -> tuple[Domain | None, Pace | None]:
        domain = outgoing.recipient.rpartition("@")[2].lower()
        return self._domains.get(domain, (None, None))

    def _pull(self) -> Outgoing | None:
        if self._source is None:
            return None
        try:
            outgoing = next(self._source, None)
        except Exception as error:
            self._failed(error)
            return None
        if outgoing is None:
            self._source = None
        return outgoing
