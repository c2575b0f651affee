"""One ``run`` or one restore of a site at a time, on this machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from publisher.errors import SiteError

#: The file in ``state/`` whose lock tells that a site is running.
LOCK = "run.lock"


@contextlib.contextmanager
def site_lock(state: Path) -> Iterator[None]:
    """Hold the site for one ``run``.

    :raises SiteError: the state directory is not writable, or another ``run`` holds it.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        handle = (state / LOCK).open("a+", encoding="ascii")
    except OSError as error:
        raise SiteError(
            f"{state} cannot be written: {error.strerror}; make it writable or choose another --site"
        ) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise SiteError(
                f"{state.parent} is already running (process {holder}); stop that one first, or give another --site"
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
