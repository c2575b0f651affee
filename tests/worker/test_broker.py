"""The embedded broker: a message is got once, comes back when its worker died, and is gone when acknowledged."""

from queue import Empty

import pytest
from kombu import Connection, Consumer, Exchange, Queue

from tests.factories import settings
from worker import broker
from worker.celery import make_app, queue_name


@pytest.fixture
def connect(tmp_path):
    broker.register()
    opened = []

    def make(lease_seconds=60.0):
        options = {"path": str(tmp_path / "broker.db"), "lease_seconds": lease_seconds, "polling_interval": 0.01}
        opened.append(Connection("slease://localhost", transport_options=options))
        return opened[-1]

    yield make
    for connection in opened:
        connection.release()


QUEUE = Queue("bells", Exchange("bells", type="direct"), routing_key="bells")


def publish(connection, *bodies):
    with connection.Producer() as producer:
        for body in bodies:
            producer.publish(body, exchange=QUEUE.exchange, routing_key="bells", declare=[QUEUE])


def take(connection):
    channel = connection.channel()
    return QUEUE(channel).get()


def test_messages_are_got_in_order_and_each_by_one(connect):
    publish(connect(), {"n": 1}, {"n": 2})
    one, other = connect(), connect()
    assert [take(one).payload["n"], take(other).payload["n"]] == [1, 2]
    assert take(one) is None


def test_what_was_acknowledged_is_gone_and_what_was_not_comes_back_after_its_lease(connect):
    publish(connect(), {"n": 1}, {"n": 2})
    dying = connect(lease_seconds=-1.0)
    first = take(dying)
    first.ack()
    assert take(dying).payload["n"] == 2  # and dies with it
    assert take(connect()).payload["n"] == 2


def test_what_was_rejected_to_the_queue_is_there_at_once(connect):
    publish(connect(), {"n": 1})
    connection = connect()
    take(connection).requeue()
    assert take(connection).payload["n"] == 1
    take_none = take(connection)
    assert take_none is None


def test_a_consumer_hears_what_another_process_would_publish(connect):
    heard = []
    connection = connect()
    with Consumer(connection, [QUEUE], callbacks=[lambda body, message: (heard.append(body), message.ack())]):
        publish(connect(), {"n": 7})
        connection.drain_events(timeout=5)
    assert heard == [{"n": 7}]


def test_a_wiped_file_is_begun_anew(connect, tmp_path):
    connection = connect()
    publish(connection, {"n": 1})
    for path in tmp_path.glob("broker.db*"):
        path.unlink()
    fresh = connect()
    publish(fresh, {"n": 2})
    assert take(fresh).payload["n"] == 2


def test_an_empty_queue_says_so(connect):
    connection = connect()
    publish(connection)
    with pytest.raises(Empty):
        connection.channel()._get("bells")


def test_two_publications_never_share_a_queue(tmp_path):
    other = settings(tmp_path, publication={"base_url": "https://fast.example"})
    assert queue_name(settings(tmp_path)) != queue_name(other)


@pytest.mark.parametrize(
    ("worker", "transport", "pool"),
    [
        ({}, "slease", "threads"),
        ({"broker": "amqp://guest:guest@127.0.0.1//"}, "amqp", "prefork"),
        ({"broker": "redis://127.0.0.1/3"}, "redis", "prefork"),
    ],
)
def test_the_broker_is_one_setting(tmp_path, worker, transport, pool):
    chosen = settings(tmp_path, worker=worker)
    app = make_app(chosen)
    assert app.connection_for_write().transport_cls == transport
    assert chosen.worker.pool_name == pool
    (queue,) = app.conf.task_queues
    assert queue.queue_arguments == ({"x-queue-type": "quorum"} if transport == "amqp" else None)
    assert app.conf.task_acks_late
    assert app.conf.task_ignore_result
