"""``/metrics`` for this machine's monitoring: Prometheus' text format, straight from the database.

What matters is age: work that is due and not taken (``oldest_due_chunk_age_seconds``,
``oldest_schedule_lag_seconds``), not whether a process lives. No address and no reply text is in here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select
from starlette.requests import Request
from starlette.responses import Response

from publisher.store import meta
from publisher.store.chunks import oldest_due
from publisher.store.meta import TICKED
from publisher.store.tables import chunk, edition, schedule
from publisher.web.frame.access import DESK
from publisher.web.frame.frame import Frame
from publisher.web.frame.routes import Get

#: Editions that are shown one by one; older ones are over.
EDITIONS = 20
CLOSED = 2  # of chunk.state


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


def collect(tx: Connection, now: float) -> list[Metric]:
    """Everything, in five cheap queries; ``now`` in UTC epoch seconds."""
    terms = ("sent", "failed", "suppressed", "in_doubt")
    recent = list(
        tx.execute(
            select(edition.c.id, edition.c.digest, edition.c.number).order_by(edition.c.id.desc()).limit(EDITIONS)
        )
    )
    names = {row.id: f"{row.digest}/{row.number}" for row in recent}
    sums = [func.coalesce(func.sum(chunk.c[term]), 0).label(term) for term in (*terms, "size")]
    rows = tx.execute(
        select(chunk.c.edition_id, *sums).where(chunk.c.edition_id.in_(names)).group_by(chunk.c.edition_id)
    ).mappings()
    deliveries = []
    for row in rows:
        pending = row["size"] - sum(row[term] for term in terms)
        for state, value in (*((term, row[term]) for term in terms), ("pending", pending)):
            deliveries.append(({"edition": names[row["edition_id"]], "state": state}, float(value)))
    statuses = tx.execute(select(edition.c.status, func.count()).group_by(edition.c.status)).all()
    open_chunks = _one(tx, select(func.count()).where(chunk.c.state != CLOSED))[0]
    oldest = oldest_due(tx, now)
    ticked = meta.get(tx, TICKED)
    lag = _one(tx, select(func.min(schedule.c.next_run)).where(schedule.c.enabled))[0]
    in_doubt = _one(tx, select(func.coalesce(func.sum(chunk.c.in_doubt), 0)))[0]
    return [
        Metric("deliveries", "gauge", "Deliveries of the newest editions by what became of them.", tuple(deliveries)),
        Metric("editions", "gauge", "Editions by status.", tuple(({"status": s}, float(n)) for s, n in statuses)),
        Metric("chunks_open", "gauge", "Chunks of deliveries that are not finished.", (({}, float(open_chunks)),)),
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
            (({}, max(0.0, now - float(ticked))),) if ticked else (),
        ),
        Metric("uncertain", "gauge", "Deliveries that are in doubt and wait for a person.", (({}, float(in_doubt)),)),
    ]


def _one(tx: Connection, query: Any) -> Any:
    return tx.execute(query).one()


def metrics(frame: Frame, request: Request) -> Response:
    with frame.site.store.read() as tx:
        text = exposition(collect(tx, frame.site.now()))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


ROUTES = (Get("/metrics", metrics, DESK),)
