"""The Celery application: one per site, made of its settings.

Messages are doorbells without content: they say "look", and what is due is found in the database. So nothing
here needs results, retries, delays or late acknowledgement, and an empty or wiped broker loses nothing: the
next tick rings again. Every message expires before it could pile up.
"""

from __future__ import annotations

import hashlib
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from publisher.settings import Settings
from worker import broker

#: Seconds after which a doorbell that nobody heard is dropped.
EXPIRES_SECONDS = 30.0


def queue_name(settings: Settings) -> str:
    """The queue of this publication: the same for all of its workers, another for each publication."""
    identity = hashlib.sha256(settings.as_publication().id.encode()).hexdigest()[:12]
    return f"masthead-{identity}"


def make_app(settings: Settings) -> Celery:
    """The application, with its broker chosen by ``[worker] broker``; tasks are added by :mod:`worker.tasks`."""
    broker.register()
    url, options, arguments = _broker(settings)
    name = queue_name(settings)
    app = Celery("masthead", broker=url, set_as_current=False)
    app.conf.update(
        broker_transport_options=options,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a broker that is away comes back; meanwhile a worker waits
        broker_connection_timeout=5,
        task_queues=[Queue(name, Exchange(name, type="direct"), routing_key=name, queue_arguments=arguments)],
        task_default_queue=name,
        task_default_exchange=name,
        task_default_routing_key=name,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        result_backend=None,
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_serializer="json",
        accept_content=["json"],
        # Once more, and on a new connection: without a retry kombu goes on with the one that broke, and after a
        # restart of RabbitMQ nobody would ring again. What fails then is rung again by the next tick.
        task_publish_retry=True,
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
        worker_prefetch_multiplier=1 if settings.worker.broker else 4,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,  # a drain is best ended by itself
        worker_hijack_root_logger=False,
        worker_soft_shutdown_timeout=10,
        event_queue_expires=60,
        beat_schedule={
            "tick": {
                "task": "masthead.tick",
                "schedule": settings.worker.tick_seconds,
                "options": {"expires": max(5.0, 3 * settings.worker.tick_seconds)},
            }
        },
        beat_max_loop_interval=max(1, round(settings.worker.tick_seconds)),
        timezone="UTC",
    )
    return app


def _broker(settings: Settings) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """Broker URL, its transport options, and the arguments of its queue."""
    url = settings.worker.broker
    if not url:
        return f"{broker.NAME}://localhost", {"path": str(settings.state / "broker.db"), "polling_interval": 0.1}, None
    if url.startswith(("redis", "unix", "sentinel")):
        return (
            url,
            {
                # What a killed worker had taken is given to another after this long; a drain lasts 20 s.
                "visibility_timeout": 120,
                "unacked_restore_interval": 5,
                "unacked_restore_throttle": 1,
                "global_keyprefix": f"{queue_name(settings)}:",
                "socket_timeout": 10,
                "socket_connect_timeout": 5,
            },
            None,
        )
    if url.startswith(("amqp", "pyamqp")):
        # Confirmed, or a broker short of memory swallows doorbells in silence (celery #5410).
        return url, {"confirm_publish": True, "read_timeout": 10, "write_timeout": 10}, {"x-queue-type": "quorum"}
    return url, {}, None
