"""Fixtures that several rooms share: databases to test on."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import hypothesis
import pytest

from publisher.store import open_store

# How long an example takes depends on what else the machine does; pytest-timeout finds a test that hangs.
hypothesis.settings.register_profile("masthead", deadline=None)
hypothesis.settings.load_profile("masthead")


def absent(program: str) -> None:
    """A program that a server test needs is not here: a failure in CI, else a skip with its reason."""
    if os.environ.get("CI"):
        pytest.fail(f"{program} is needed by this test and is not installed; see .ci/packages")
    pytest.skip(f"{program} is not installed")


class Cluster:
    """A private PostgreSQL server in a temporary directory, to be started, stopped and killed at will."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._directory = Path(tempfile.mkdtemp(prefix="masthead-pg-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._as: dict[str, int] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            other = next((name for name in ("postgres", "nobody") if _exists(name)), "nobody")
            entry = pwd.getpwnam(other)
            os.chown(self._directory, entry.pw_uid, entry.pw_gid)
            self._as = {"user": entry.pw_uid, "group": entry.pw_gid}
        self._run("initdb", "-D", self.data, "-U", "masthead", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
        with open(self._directory / "data" / "postgresql.conf", "a", encoding="ascii") as conf:
            conf.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
                "max_connections = 60\nshared_buffers = 32MB\nlog_min_messages = fatal\n"
            )

    @property
    def data(self) -> str:
        return str(self._directory / "data")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=self._directory,
            extra_groups=[] if self._as else None,
            **self._as,
        )

    def start(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self._run("pg_ctl", "-D", self.data, "-w", "-t", "30", "-l", f"{self.data}/log", "start")
                return
            except subprocess.CalledProcessError:
                # After a kill the children need a moment to notice; until then the directory is in use.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """kill -9 of the postmaster; its children follow by themselves."""
        pid = int(Path(self.data, "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)

    def listen_to(self, network: str) -> None:
        """Let machines of ``network`` (10.0.0.0/8) in too; it restarts."""
        self.stop()
        with open(self._directory / "data" / "postgresql.conf", "a", encoding="ascii") as conf:
            conf.write("listen_addresses = '*'\n")
        with open(self._directory / "data" / "pg_hba.conf", "a", encoding="ascii") as allowed:
            allowed.write(f"host all all {network} trust\n")
        self.start()

    def database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"test_{secrets.token_hex(6)}"
        address = f"masthead@127.0.0.1:{self.port}"
        with psycopg.connect(f"postgresql://{address}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return f"postgresql://{address}/{name}"

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def _postgresql_programs() -> Path:
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "initdb").exists():
            return directory
    found = shutil.which("initdb")
    if found is None:
        absent("postgresql")
    return Path(found).parent


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL server for the whole run."""
    server = Cluster(_postgresql_programs())
    server.start()
    yield server
    server.remove()


@pytest.fixture
def own_cluster():
    """A PostgreSQL server that one test may kill."""
    server = Cluster(_postgresql_programs())
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A SQLite database with all tables and no rows, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "masthead.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database_url(request, tmp_path):
    """An empty database, on each kind that is supported."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "masthead.db")
        return f"sqlite:///{tmp_path}/masthead.db"
    return request.getfixturevalue("cluster").database()


@pytest.fixture
def either_store(database_url):
    """An open store on each kind of database."""
    store = open_store(database_url)
    yield store
    store.close()
