"""An operator's own templates, rendered where they can do no harm.

Jinja's sandbox stops a template from reaching Python, but not from using up the machine: ``'x' * 10**9`` and
nested loops run for as long as they like. So an operator's template runs in a child process that has

* no globals (``range``, ``lipsum``, ``cycler`` …), and ``*``, ``**`` and ``%`` only for small numbers,
* two seconds of processor time, 400 MB of memory, no file to write to and no variable of our environment,
* plain values only, handed over as JSON.

The child is killed after :data:`MAX_SECONDS`; whatever it did, only this rendering fails.
"""

from __future__ import annotations

import contextlib
import json
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from publisher.errors import RenderError
from publisher.rendering.inlining import limit_this_process, read_exactly, start_child, stop_child
from publisher.rendering.templates import packaged_templates

MAX_SECONDS = 2.5
START_SECONDS = 20.0
CPU_SECONDS = 2
MAX_MEMORY = 400 * 1024 * 1024
MAX_OUTPUT = 4 * 1024 * 1024
MAX_NUMBER = 10**12


class ConfinedEnvironment(ImmutableSandboxedEnvironment):
    """No escape and no cheap way to make something huge."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(value, int | float) and abs(value) <= MAX_NUMBER for value in (left, right)):
            raise SecurityError(f"{operator} is only for small numbers in a template")
        if operator == "**" and abs(right) > 16:
            raise SecurityError("** is only for exponents up to 16 in a template")
        return super().call_binop(context, operator, left, right)


def has_own_templates(site: Path) -> bool:
    """Whether the site overrides or adds any mail template."""
    own = (site / "templates").resolve()
    return own != packaged_templates().resolve() and any((own / "email").glob("*/*"))


def confined_environment(folders: Sequence[Path]) -> ConfinedEnvironment:
    """The environment of the child; also used by the lint, which renders nothing with it."""
    env = ConfinedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=select_autoescape(("html",), default_for_string=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.globals.clear()
    return env


def render_confined(folders: Sequence[Path], names: Sequence[str], values: dict[str, object]) -> list[str]:
    """Each named template, rendered with ``values`` in a child process.

    :raises RenderError: names the template and the line, or says that it used too much time or memory.
    """
    request = json.dumps({"folders": [str(f.resolve()) for f in folders], "names": names, "values": _plain(values)})
    payload = request.encode("utf-8", "surrogatepass")
    process = start_child("publisher.rendering.sandbox", {})
    try:
        assert process.stdin is not None
        read_exactly(process.stdout, 1, time.monotonic() + START_SECONDS)
        process.stdin.write(struct.pack(">I", len(payload)) + payload)
        process.stdin.flush()
        deadline = time.monotonic() + MAX_SECONDS
        header = read_exactly(process.stdout, 5, deadline)
        size = struct.unpack(">I", header[1:])[0]
        if size > MAX_OUTPUT:
            raise RenderError(f"the template makes {size} bytes; at most {MAX_OUTPUT} are allowed")
        answer = json.loads(read_exactly(process.stdout, size, deadline))
    except (TimeoutError, EOFError, BrokenPipeError):
        raise RenderError(
            f"the templates {', '.join(names)} used more than {CPU_SECONDS} s or {MAX_MEMORY >> 20} MB and were stopped"
        ) from None
    finally:
        stop_child(process)
    if header[:1] != b"+":
        raise RenderError(str(answer))
    return [str(part) for part in answer]


def _plain(value: object) -> object:
    """JSON-ready; text that is already HTML keeps its mark."""
    if isinstance(value, Markup):
        return {"$html": str(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _restored(value: object) -> object:
    if isinstance(value, dict):
        if set(value) == {"$html"}:
            return Markup(value["$html"])  # noqa: S704  # marked by our own side of the pipe
        return {key: _restored(item) for key, item in value.items()}
    return [_restored(item) for item in value] if isinstance(value, list) else value


def where(error: BaseException, name: str) -> str:
    """``file:line`` of the template where it failed, as far as known."""
    line = getattr(error, "lineno", None)
    if line:
        return f"{getattr(error, 'filename', None) or getattr(error, 'name', None) or name}:{line}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith((".html", ".txt")):
            return f"{frame.filename}:{frame.lineno}"
    return name


def _serve() -> None:
    """The child: one request, one answer."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(b"r")
    sink.flush()
    request = json.loads(source.read(struct.unpack(">I", source.read(4))[0]))
    env = confined_environment([Path(folder) for folder in request["folders"]])
    limit_this_process(memory=MAX_MEMORY, cpu_seconds=CPU_SECONDS)
    status, answer, name = b"+", "", ""
    try:
        values = _restored(request["values"])
        parts = []
        for name in request["names"]:
            parts.append(env.get_template(name).render(values))
        answer = json.dumps(parts)
    except MemoryError:
        status, answer = b"-", json.dumps(f"template {name}: used more than {MAX_MEMORY >> 20} MB and was stopped")
    except Exception as error:  # a template can raise anything; it is the operator who must hear of it
        reason = error.message if isinstance(error, TemplateError) else str(error)
        status = b"-"
        answer = json.dumps(f"template {where(error, name)}: {(reason or type(error).__name__)[:500]}")
    data = answer.encode("ascii")
    with contextlib.suppress(BrokenPipeError):
        sink.write(status + struct.pack(">I", len(data)) + data)
        sink.flush()


if __name__ == "__main__":
    _serve()
