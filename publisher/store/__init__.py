"""Tables, queries and migrations: what Masthead remembers.

::

    open_store(url) → migrate under a lock → Store
    with store.begin() as tx:   one short write transaction, committed at the end
    with store.read() as tx:    one consistent snapshot, nothing can be written

``tx`` is an SQLAlchemy :class:`~sqlalchemy.Connection`. Each topic is one module of functions over Core
expressions that take ``tx`` first, so that a use case may do several things in one transaction. Everything
works on SQLite and on PostgreSQL; instants are UTC epoch seconds.
"""

from publisher.store.database import Store, Tx, file_of, is_there, open_store

__all__ = ["Store", "Tx", "file_of", "is_there", "open_store"]
