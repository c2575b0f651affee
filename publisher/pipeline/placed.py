"""Whether ``state/`` is still where it was: a directory that is moved away stays open for whoever uses it.

Everything would go on into the moved one, while whatever is opened anew, a database too, would be made empty in its
place. So who runs looks, and stops.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from publisher.errors import SiteMoved
from publisher.settings import Settings
from publisher.store import file_of

#: How often a running process looks.
LOOK_SECONDS = 1.0


class Placed:
    """What stood at the places of a site when somebody began to use it.

    :param more: files beside ``state/`` and a database that is a file.
    """

    def __init__(self, settings: Settings, more: Iterable[Path] = ()) -> None:
        database = file_of(settings.database_url)
        places = [settings.state, *more, *([database] if database else [])]
        self._numbers: dict[Path, tuple[int, int] | None] = dict.fromkeys(places)
        self.check()

    def check(self) -> None:
        """Look again; what was not there yet is remembered when it is.

        :raises SiteMoved: something else, or nothing, stands at one of the places.
        """
        for path, before in self._numbers.items():
            try:
                status = path.stat()
                now = (status.st_dev, status.st_ino)
            except FileNotFoundError:
                now = None
            except OSError:
                continue  # it cannot be told
            if before is None:
                self._numbers[path] = now
            elif now != before:
                raise SiteMoved(
                    f"{path} was moved away or replaced under a running site, which would go on in the old one; "
                    "everything stops: put it back, then start again"
                )


def keep_looking(placed: Placed, moved: Callable[[SiteMoved], None], *, seconds: float = LOOK_SECONDS) -> None:
    """Look from a thread of its own, and call ``moved`` once."""

    def look() -> None:
        while True:
            time.sleep(seconds)
            try:
                placed.check()
            except SiteMoved as error:
                moved(error)
                return

    threading.Thread(target=look, daemon=True, name="placed").start()
