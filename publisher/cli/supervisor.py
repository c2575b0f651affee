"""``masthead run``: web, worker and scheduler as one foreground process.

::

    masthead run ── lock state/run.lock ── bind the port ─┬─ web      python -m publisher.web    (the bound socket)
                                                          └─ worker   python -m worker           (tasks and tick)
    Ctrl-C / TERM ─→ TERM to both ─→ at most STOP_SECONDS ─→ KILL to whoever is left

The supervisor holds the listening socket, so that a web process which dies is restarted without a refused
connection. A child that dies is started again with a growing pause. Each child leads a process group of its
own and watches a pipe from us: if we are killed, the pipe closes and they leave by themselves.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess  # runs our own interpreter with fixed arguments
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

from publisher.errors import HOPELESS, SiteError
from publisher.pipeline.lock import LOCK, site_lock
from publisher.pipeline.placed import Placed
from publisher.pipeline.site import refuse_newer
from publisher.settings import Settings
from publisher.settings.reach import start_lines

#: From Ctrl-C to the last child gone, at most this many seconds.
STOP_SECONDS = 4.0
#: A child that lived this long starts again at once; one that did not waits longer each time.
STEADY_SECONDS = 10.0


@dataclass
class Child:
    """One process we keep alive."""

    name: str
    arguments: list[str]
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    due: float = field(default=0.0)

    def start(self, now: float) -> None:
        self.process = subprocess.Popen(  # noqa: S603  our own interpreter, fixed arguments
            # -P: python -m would look for modules in the current directory first, and that may be the site.
            [sys.executable, "-P", *self.arguments],
            stdin=subprocess.PIPE,
            pass_fds=self.pass_fds,
            start_new_session=True,
        )
        self.started = now

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            # The whole group: a worker's own children must not outlive it. KILL only; TERM lets it drain them.
            with contextlib.suppress(ProcessLookupError):
                if number is signal.SIGKILL:
                    os.killpg(self.process.pid, number)
                else:
                    os.kill(self.process.pid, number)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def bind(host: str, port: int) -> socket.socket:
    """The listening socket.

    :raises SiteError: the port is taken, not ours to take, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SiteError(
                f"port {port} on {host} is taken; stop what uses it, or choose another with --port"
            ) from None
        if error.errno == errno.EACCES:
            raise SiteError(f"port {port} on {host} needs more rights; choose one above 1023 with --port") from None
        raise SiteError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    return listener


def supervise(
    settings: Settings, *, host: str, port: int, say: Callable[[str], None], poll_seconds: float = 0.1
) -> None:
    """Run until SIGINT or SIGTERM; return when every child is gone.

    :raises SiteError: one clear line, before anything is started.
    :raises NewerDatabase: a newer Masthead made the database; nothing is started.
    :raises SiteMoved: ``state/`` was moved away meanwhile; everything is stopped.
    """
    with site_lock(settings.state), contextlib.closing(bind(host, port)) as listener:
        refuse_newer(settings)
        placed = Placed(settings, (settings.state / LOCK,))
        fd = listener.fileno()
        site = str(settings.directory)
        children = [
            Child("web", ["-m", "publisher.web", "--site", site, "--fd", str(fd)], pass_fds=(fd,)),
            Child("worker", ["-m", "worker", "--site", site, "--watch-stdin"]),
        ]
        stop = _StopFlag()
        with stop.installed():
            say(f"http://{f'[{host}]' if ':' in host else host}:{port}/   (Ctrl-C stops)")
            for line in start_lines(settings):
                say(line)
            try:
                while not stop.asked:
                    placed.check()
                    _keep_alive(children, time.monotonic(), say)
                    time.sleep(poll_seconds)
            finally:
                _stop(children)
        say("stopped")


class _StopFlag:
    def __init__(self) -> None:
        self.asked = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _keep_alive(children: list[Child], now: float, say: Callable[[str], None]) -> None:
    for child in children:
        if child.running:
            continue
        if child.process is not None:
            if child.process.returncode == HOPELESS:
                raise SiteError(f"the {child.name} said why it cannot go on; everything is stopped")
            child.failures = 0 if now - child.started > STEADY_SECONDS else child.failures + 1
            pause = min(30.0, 0.5 * 2**child.failures) if child.failures else 0.0
            say(f"{child.name} stopped (exit {child.process.returncode}); starting it again in {pause:.0f} s")
            _close_stdin(child)
            child.process, child.due = None, now + pause
        if now >= child.due:
            child.start(now)


def _close_stdin(child: Child) -> None:
    if child.process is not None and child.process.stdin is not None:
        with contextlib.suppress(OSError):
            child.process.stdin.close()


def _stop(children: list[Child]) -> None:
    for child in children:
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(child.running for child in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    for child in children:
        child.signal(signal.SIGKILL)
        _close_stdin(child)
        if child.process is not None:
            child.process.wait()
