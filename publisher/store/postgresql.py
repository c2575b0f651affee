"""What a session of PostgreSQL is told about time: how soon either side gives up one that does not move.

By default nobody gives up for two hours: a machine whose link is cut in the middle of a transaction keeps its row locks
so long, and everybody who needs those rows waits in silence. So both ends ask after each other (TCP keep-alives and
``tcp_user_timeout``), the server ends a transaction that stands still, and who waits for a lock gives up some time.

What the operator says wins: a parameter of the URL, ``PGOPTIONS``, the server's configuration, a role's or database's.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL

from publisher.errors import StoreError

#: Seconds to connect in.
CONNECT_SECONDS = 10
#: A silent connection is asked after so long, and again so often and so many times before it is given up.
KEEPALIVE_IDLE_SECONDS, KEEPALIVE_INTERVAL_SECONDS, MAX_KEEPALIVES = 20, 5, 4
#: What was sent and is not acknowledged for so long ends the connection.
UNACKNOWLEDGED_SECONDS = 40
#: A transaction whose client says nothing for so long is ended by the server, and its locks are free.
IDLE_IN_TRANSACTION_SECONDS = 60
#: A statement that has waited for a lock so long fails; the transaction is tried again by whoever began it.
LOCK_SECONDS = 30


def engine(url: URL) -> Engine:
    """An engine whose sessions keep to these limits.

    :raises StoreError: the driver is not installed.
    """
    ours = {name: value for name, value in _client().items() if name not in url.query}
    if "PGCONNECT_TIMEOUT" in os.environ:
        ours.pop("connect_timeout", None)
    try:
        made = create_engine(
            url, hide_parameters=True, pool_pre_ping=True, pool_size=5, max_overflow=20, connect_args=ours
        )
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL needs psycopg; install it with: pip install 'masthead[postgres]'") from None

    @event.listens_for(made, "connect")
    def _limit(dbapi_connection: Any, _record: Any) -> None:
        with dbapi_connection.cursor() as cursor:
            cursor.execute(_SET, {"names": list(_server()), "values": list(_server().values())})
        dbapi_connection.commit()

    return made


def _client() -> dict[str, int]:
    """Parameters of libpq, for our end of the connection."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": KEEPALIVE_IDLE_SECONDS,
        "keepalives_interval": KEEPALIVE_INTERVAL_SECONDS,
        "keepalives_count": MAX_KEEPALIVES,
        "tcp_user_timeout": UNACKNOWLEDGED_SECONDS * 1000,
    }


def _server() -> dict[str, str]:
    """Settings of the session, for the server's end."""
    return {
        "tcp_keepalives_idle": f"{KEEPALIVE_IDLE_SECONDS}",
        "tcp_keepalives_interval": f"{KEEPALIVE_INTERVAL_SECONDS}",
        "tcp_keepalives_count": f"{MAX_KEEPALIVES}",
        "tcp_user_timeout": f"{UNACKNOWLEDGED_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
        "lock_timeout": f"{LOCK_SECONDS}s",
    }


#: Only what nobody has set: its value is the server's own default.
_SET = """
    SELECT set_config(s.name, ours.value, false)
      FROM unnest(%(names)s::text[], %(values)s::text[]) AS ours(name, value)
      JOIN pg_settings s ON s.name = ours.name AND s.source = 'default'
"""


def take_time(tx: Connection) -> None:
    """Let this transaction wait and pause as long as it likes: a migration, an export that somebody reads slowly."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SET LOCAL lock_timeout = 0"))
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
