"""Rows imported per second, against the plain way: one INSERT a row through the same store.

With ``MASTHEAD_BENCH_DATABASE`` (an SQLAlchemy URL of an empty PostgreSQL database) the large run goes there.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path

from publisher.store import Store, open_store, subscribers
from publisher.subscribers.interchange import import_file

LARGE = int(os.environ.get("MASTHEAD_BENCH_ROWS", "100000"))


def _file(folder: Path, rows: int) -> Path:
    rng = random.Random(1)
    path = folder / f"{rows}.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write("email,name,attributes,status,created_at\n")
        for number in range(rows):
            name = rng.choice(("Ada", "Bo", "Célia", "Dmitri"))
            out.write(f"{name[0].lower()}.reader{number}@mail{number % 997}.example.org,{name} {number},{{}},enabled,")
            out.write("2025-03-01T08:00:00Z\n")
    return path


def _plain(store: Store, rows: int) -> float:
    started = time.perf_counter()
    with store.begin() as tx:
        for number in range(rows):
            who = subscribers.add(tx, f"plain{number}@example.org", now=1.0)
            subscribers.subscribe(tx, who, "digest", now=1.0)
    return rows / (time.perf_counter() - started)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        targets = {"SQLite": f"sqlite:///{folder}/bench.db"}
        if server := os.environ.get("MASTHEAD_BENCH_DATABASE"):
            targets["PostgreSQL"] = server
        print(f"{'database':>11} {'rows':>9} {'seconds':>8} {'rows/s':>8} {'again s':>8} {'plain/s':>8} {'ratio':>6}")
        for label, url in targets.items():
            store = open_store(url)
            plain = _plain(store, 300)
            path = _file(folder, LARGE)
            started = time.perf_counter()
            report = import_file(store, path, digests=("digest",), now=2.0)
            took = time.perf_counter() - started
            started = time.perf_counter()
            again = import_file(store, path, digests=("digest",), now=3.0)
            repeat = time.perf_counter() - started
            if (report.bad, again.new, again.changed) != (0, 0, 0):
                raise SystemExit(f"the import is wrong: {report} {again}")
            rate = LARGE / took
            print(
                f"{label:>11} {LARGE:>9} {took:>8.1f} {rate:>8.0f} {repeat:>8.1f} {plain:>8.0f} {rate / plain:>6.1f}",
                flush=True,
            )
            store.close()


if __name__ == "__main__":
    main()
