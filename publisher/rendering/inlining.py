"""CSS into ``style`` attributes: the one place that knows premailer.

premailer and cssutils keep state in their modules, can be made to read files and the network by ``@import``
even when told not to, silently drop what is nested deeper than 254 elements, and can be kept busy for seconds. So::

    inline(html)      guards: size, nesting, @import          in our process
        └─ child      premailer, one document at a time       no secrets in its environment, limits on memory and files
    counts            links, pictures, marks: as before, or the edition is refused

The child starts at first use, serves one document after the other under a lock, and is killed when one takes
longer than :data:`MAX_SECONDS`; the next document gets a new one.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import selectors
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from typing import IO

from publisher.errors import CompositionRefused

MAX_SECONDS = 10.0
MAX_BYTES = 512 * 1024
#: premailer silently drops what is nested deeper than 254; articles may have 200 (publisher/lib/sanitise.py).
MAX_DEPTH = 240
MAX_STYLE_BYTES = 64 * 1024
MAX_MEMORY = 1024 * 1024 * 1024

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_TAG = re.compile(r"<!--.*?-->|<(style|script)\b.*?</\1\s*>|<(/?)([a-zA-Z][a-zA-Z0-9]*)\b[^>]*?(/?)>", re.DOTALL | re.I)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style\s*>", re.DOTALL | re.IGNORECASE)
_LINK_SHEET = re.compile(r"<link\b[^>]*stylesheet", re.IGNORECASE)
_COUNTED = ("<a", "<img", "<!--[if", "<![endif]-->")


def inline(html: str, *, marks: Iterable[str] = (), seconds: float = MAX_SECONDS) -> str:
    """``html`` with its style sheets inlined; media queries and ``:hover`` rules stay in the head.

    :param marks: strings whose number must not change.
    :raises CompositionRefused: the document is too large, too deep or too slow, names a style sheet elsewhere, or
        lost a link, a picture or a mark.
    """
    _check(html)
    result = _child.ask(html.encode("utf-8"), seconds).decode("utf-8")
    for counted in (*_COUNTED, *marks):
        before, after = _count(html, counted), _count(result, counted)
        if before != after:
            what = counted if counted in _COUNTED else "a personal value"
            raise CompositionRefused(f"inlining the styles changed the number of {what} from {before} to {after}")
    return result


def _count(html: str, counted: str) -> int:
    if counted in ("<a", "<img"):
        return len(re.findall(counted + r"[\s>]", html, re.IGNORECASE))
    return html.count(counted)


def _check(html: str) -> None:
    size = len(html.encode("utf-8"))
    if size > MAX_BYTES:
        raise CompositionRefused(f"the HTML has {size} bytes before inlining; at most {MAX_BYTES} are allowed")
    styles = _STYLE.findall(html)
    if sum(map(len, styles)) > MAX_STYLE_BYTES:
        raise CompositionRefused(f"the template has more than {MAX_STYLE_BYTES} bytes of style sheets")
    # A CSS escape can spell @import too, and no template needs an escape in an at-rule.
    if any("@import" in re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL).lower() or "@\\" in style for style in styles):
        raise CompositionRefused("the template's style sheet uses @import; write the rules into the template itself")
    if _LINK_SHEET.search(html):
        raise CompositionRefused("the template links to a style sheet; write the rules into the template itself")
    if "\ufeff" in html or html.lstrip().startswith("<?xml"):
        raise CompositionRefused("the template begins with a byte order mark or an XML declaration; remove it")
    deepest = depth = 0
    for found in _TAG.finditer(html):
        name = (found.group(3) or "").lower()
        if not name or name in _VOID or found.group(4):
            continue
        depth = max(depth - 1, 0) if found.group(2) else depth + 1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise CompositionRefused(f"elements are nested {deepest} deep; at most {MAX_DEPTH} are allowed")


class _Child:
    """The process that holds premailer; one for each process of ours."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, document: bytes, seconds: float) -> bytes:
        with self._lock:
            for last in (False, True):
                process = self._running()
                try:
                    return self._exchange(process, document, seconds)
                except (BrokenPipeError, EOFError):
                    # It may have been killed from outside since the last document: one more try, with a new one.
                    self._stop()
                    if last:
                        raise CompositionRefused("inlining the styles ran out of memory or failed") from None
        raise AssertionError("unreachable")

    def _running(self) -> subprocess.Popen[bytes]:
        # After a fork the pipes belong to the parent: a new process of ours needs a child of its own.
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self._stop()
            self._process = start_child("publisher.rendering.inlining", {"PREMAILER_CACHE_MAXSIZE": "0"})
            self._owner = os.getpid()
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], document: bytes, seconds: float) -> bytes:
        assert process.stdin is not None
        deadline = time.monotonic() + seconds
        process.stdin.write(struct.pack(">I", len(document)) + document)
        process.stdin.flush()
        try:
            status = read_exactly(process.stdout, 5, deadline)
            answer = read_exactly(process.stdout, struct.unpack(">I", status[1:])[0], deadline)
        except TimeoutError:
            self._stop()
            raise CompositionRefused(f"inlining the styles took more than {seconds:g} seconds") from None
        if status[:1] != b"+":
            raise CompositionRefused(f"the styles cannot be inlined: {answer.decode('utf-8', 'replace')[:200]}")
        return answer

    def _stop(self) -> None:
        if self._process is not None and self._owner == os.getpid():
            stop_child(self._process)
        self._process = None

    def close(self) -> None:
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """After a fork the child belongs to the parent."""
        self._lock = threading.Lock()
        self._process = None


def start_child(module: str, extra: dict[str, str]) -> subprocess.Popen[bytes]:
    """Python running ``module``, with nothing of our environment but the paths of the packages."""
    return subprocess.Popen(  # noqa: S603  # our own interpreter, our own module
        [sys.executable, "-P", "-W", "ignore", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path))), "PYTHONUTF8": "1", **extra},
        cwd="/",
        close_fds=True,
    )


def stop_child(process: subprocess.Popen[bytes]) -> None:
    """Kill it and leave no zombie and no open pipe."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def read_exactly(pipe: IO[bytes] | None, size: int, deadline: float) -> bytes:
    """``size`` bytes from a pipe. :raises TimeoutError: at ``deadline`` (monotonic). :raises EOFError: it ended."""
    assert pipe is not None
    descriptor = pipe.fileno()
    data = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise TimeoutError
            chunk = os.read(descriptor, min(size - len(data), 1 << 20))
            if not chunk:
                raise EOFError
            data += chunk
    return bytes(data)


def limit_this_process(*, memory: int, cpu_seconds: int | None = None) -> None:
    """Limits that the process cannot lift again: memory, files, core dumps and, if given, processor time."""
    import resource

    limits = [
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ]
    if cpu_seconds is not None:
        limits.append((resource.RLIMIT_CPU, cpu_seconds))
    for limit, value in limits:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))


def _transform(html: str) -> str:
    """Runs in the child."""
    from premailer import Premailer

    result: str = Premailer(
        html,
        strip_important=False,
        allow_network=False,
        allow_loading_external_files=False,
        disable_validation=True,
        disable_basic_attributes=["width", "height"],
        align_floating_images=False,
        keep_style_tags=False,
        remove_classes=False,
        cache_css_parsing=False,
        cssutils_logging_level=logging.CRITICAL,
    ).transform(pretty_print=False)
    return result


_FORBIDDEN_EVENTS = (
    "socket.",
    "urllib.",
    "subprocess.",
    "os.exec",
    "os.system",
    "os.posix_spawn",
    "os.fork",
    "ctypes.",
)


def _refuse_files_and_network(event: str, arguments: tuple[object, ...]) -> None:
    # premailer's own switches do not cover @import: cssutils fetches by itself, files too. An audit hook cannot
    # be removed again, and sees every way that leads through Python.
    if event.startswith(_FORBIDDEN_EVENTS) or (event == "open" and not str(arguments[0]).endswith((".py", ".pyc"))):
        raise PermissionError(f"refused: {event}")


def _serve() -> None:
    import cssutils.util

    def refuse(url: str) -> None:
        raise PermissionError(f"refused: {url}")

    cssutils.util._defaultFetcher = refuse
    _transform("<html><head><style>p{color:#000000}p:hover{color:#111111}</style></head><body><p>x</p></body></html>")
    limit_this_process(memory=MAX_MEMORY)
    sys.addaudithook(_refuse_files_and_network)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while header := source.read(4):
        document = source.read(struct.unpack(">I", header)[0])
        try:
            status, answer = b"+", _transform(document.decode("utf-8")).encode("utf-8")
        except Exception as error:  # whatever premailer raises is the template's fault and must be reported
            status, answer = b"-", f"{type(error).__name__}: {error}".encode("utf-8", "replace")
        sink.write(status + struct.pack(">I", len(answer)) + answer)
        sink.flush()


_child = _Child()
atexit.register(_child.close)
# Another thread may hold the lock at the moment of a fork, and would never let go of it in the new process.
os.register_at_fork(after_in_child=_child.forget)

if __name__ == "__main__":
    _serve()
