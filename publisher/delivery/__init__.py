"""The ledger at work: who got what, and nothing lost; knows no Celery.

::

    freeze ─→ chunks of deliveries ─→ drain: claim, compose, send, record ─→ done
                                        │ journal
                                        ↓ killed?
                                      sweep: recover from the journal, close, finish

The rows are the queue; :mod:`publisher.store` holds the SQL, this package decides and does.
"""

from publisher.delivery.books import Drained
from publisher.delivery.control import (
    Settlement,
    audit_all,
    cancel,
    pause,
    resume,
    retry_failed,
    settle,
    wait_until_clear,
)
from publisher.delivery.drain import Composer, Options, drain
from publisher.delivery.sweep import Swept, sweep

__all__ = [
    "Composer",
    "Drained",
    "Options",
    "Settlement",
    "Swept",
    "audit_all",
    "cancel",
    "drain",
    "pause",
    "resume",
    "retry_failed",
    "settle",
    "sweep",
    "wait_until_clear",
]
