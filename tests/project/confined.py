"""Run a command under the system calls that a unit of deploy/systemd leaves it: ``confined.py UNIT COMMAND…``.

systemd itself is not needed: the filter is made as it makes it, from its own lists of system calls, with libseccomp.
What a unit does with mounts and users is not done here.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

ALLOW, REFUSE = 0x7FFF0000, 0x00050000
MASKED_EQUAL, EQUAL = 7, 4
WRITE, EXECUTE, SHM_EXEC = 2, 4, 0o100000
FAMILIES = {"AF_INET": socket.AF_INET, "AF_INET6": socket.AF_INET6, "AF_UNIX": socket.AF_UNIX}


class Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``: which argument, how compared (``first`` is the mask where there is one), with what."""

    _fields_ = (("at", ctypes.c_uint), ("how", ctypes.c_int), ("first", ctypes.c_uint64), ("second", ctypes.c_uint64))


def values_of(unit: Path, key: str) -> list[str]:
    """The words of every line ``key=`` of a unit."""
    lines = [line.partition("=")[2] for line in unit.read_text("utf-8").splitlines() if line.startswith(f"{key}=")]
    return [word for line in lines for word in line.split()]


def members(group: str) -> set[str]:
    """The system calls of a group as systemd has them, those of its groups too."""
    shown = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    found: set[str] = set()
    for line in shown.stdout.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            found |= members(name)
        elif name and not name.startswith("#"):
            found.add(name)
    return found


def allowed(unit: Path) -> set[str]:
    """The system calls that are left by the lines ``SystemCallFilter=``."""
    found: set[str] = set()
    for group in values_of(unit, "SystemCallFilter"):
        found = found - members(group[1:]) if group.startswith("~") else found | members(group)
    return found


def confine(unit: Path) -> None:
    """Confine this process and its children for good."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(REFUSE | errno.EPERM))

    def rule(name: str, *comparisons: Comparison, action: int = ALLOW) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # others are not of this machine
            array = (Comparison * len(comparisons))(*comparisons)
            assert library.seccomp_rule_add_array(context, action, number, len(comparisons), array) == 0, name

    calls = allowed(unit)
    special: dict[str, list[Comparison]] = {}
    if values_of(unit, "MemoryDenyWriteExecute") == ["yes"]:
        both = WRITE | EXECUTE
        special["mmap"] = [Comparison(2, MASKED_EQUAL, both, one) for one in (0, WRITE, EXECUTE)]
        special["mprotect"] = special["pkey_mprotect"] = [Comparison(2, MASKED_EQUAL, EXECUTE, 0)]
        special["shmat"] = [Comparison(2, MASKED_EQUAL, SHM_EXEC, 0)]
    families = values_of(unit, "RestrictAddressFamilies")
    special["socket"] = [Comparison(0, EQUAL, FAMILIES[family], 0) for family in families]
    for name in sorted(calls):
        for comparison in special.get(name, ()):
            rule(name, comparison)
        if name not in special:
            rule(name)
    assert library.seccomp_load(context) == 0


if __name__ == "__main__":
    confine(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
