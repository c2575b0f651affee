"""``/metrics`` for monitoring: Prometheus' text format, straight from the database.

What matters is age: work that is due and not taken (``oldest_due_chunk_age_seconds``,
``oldest_schedule_lag_seconds``), not whether a process lives. No address and no reply text is in here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from publisher.pipeline.troubles import mail_trouble
from publisher.store import Tx, figures
from publisher.web.frame.access import METRICS
from publisher.web.frame.frame import Frame
from publisher.web.frame.routes import Get


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric with its samples: ``(labels, value)``."""

    name: str
    kind: str
    help: str
    samples: tuple[tuple[dict[str, str], float], ...]


def exposition(metrics: Iterable[Metric]) -> str:
    """The text format, version 0.0.4."""
    lines = []
    for metric in metrics:
        lines += [f"# HELP masthead_{metric.name} {metric.help}", f"# TYPE masthead_{metric.name} {metric.kind}"]
        for labels, value in metric.samples:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(
                f"masthead_{metric.name}{{{inside}}} {value:.15g}" if inside else f"masthead_{metric.name} {value:.15g}"
            )
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def collect(tx: Tx, now: float, transport: str) -> list[Metric]:
    """Every metric; ``now`` in UTC epoch seconds, ``transport`` the one that is set."""
    found = figures.read(tx, now)
    held_up = mail_trouble(tx, transport)
    deliveries = tuple(
        ({"edition": f"{one.digest}/{one.number}", "state": state}, float(getattr(one, state)))
        for one in found.editions
        for state in ("sent", "failed", "suppressed", "in_doubt", "pending")
    )
    oldest, lag, ticked = found.oldest_due, found.next_schedule, found.ticked
    return [
        Metric("deliveries", "gauge", "Deliveries of the newest editions by what became of them.", deliveries),
        Metric(
            "editions",
            "gauge",
            "Editions by status.",
            tuple(({"status": s}, float(n)) for s, n in found.statuses.items()),
        ),
        Metric(
            "chunks_open", "gauge", "Chunks of deliveries that are not finished.", (({}, float(found.open_chunks)),)
        ),
        Metric(
            "oldest_due_chunk_age_seconds",
            "gauge",
            "How long the oldest chunk that nobody has taken has been due.",
            (({}, max(0.0, now - oldest) if oldest is not None else 0.0),),
        ),
        Metric(
            "oldest_schedule_lag_seconds",
            "gauge",
            "How late the most overdue schedule is.",
            (({}, max(0.0, now - lag) if lag is not None else 0.0),),
        ),
        Metric(
            "tick_age_seconds",
            "gauge",
            "How long ago a worker last looked for due work (noted every ten seconds).",
            (({}, max(0.0, now - ticked)),) if ticked is not None else (),
        ),
        Metric(
            "mail_trouble_seconds",
            "gauge",
            "For how long no relay has taken a message; 0 when the last that was tried worked.",
            (({}, max(0.0, now - held_up.since) if held_up else 0.0),),
        ),
        Metric(
            "uncertain", "gauge", "Deliveries that are in doubt and wait for a person.", (({}, float(found.in_doubt)),)
        ),
    ]


def metrics(frame: Frame, request: Request) -> Response:
    with frame.site.store.read() as tx:
        text = exposition(collect(tx, frame.site.now(), frame.site.settings.mail.transport))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


ROUTES = (Get("/metrics", metrics, METRICS),)
