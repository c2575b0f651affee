"""What a command costs before it does anything: CPU seconds of the process, against importing Typer.

::

    version, --help      at most twice what importing Typer costs
    status               at most 0.8 s, on a site with one edition
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 7


def cpu_seconds(*arguments: str) -> float:
    """The median CPU time, user and system, of ``python`` with ``arguments`` and its children."""
    spent = []
    for _ in range(RUNS):
        before = os.times()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        spent.append(after.children_user - before.children_user + after.children_system - before.children_system)
    return statistics.median(spent)


def main() -> None:
    masthead = ("-m", "publisher.cli")
    with tempfile.TemporaryDirectory() as directory:
        site = Path(directory) / "site"
        subprocess.run([sys.executable, *masthead, "init", str(site)], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            [sys.executable, *masthead, "publish", "--site", str(site), "--json"], check=True, capture_output=True
        )
        typer = cpu_seconds("-c", "import typer")
        print(f"import typer        {typer:.3f} s of CPU")
        for name in (("version",), ("--help",), ("status", "--site", str(site))):
            spent = cpu_seconds(*masthead, *name)
            print(f"masthead {name[0]:<10} {spent:.3f} s of CPU   {spent / typer:.2f} x import typer")


if __name__ == "__main__":
    main()
