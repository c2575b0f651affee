"""The SMTP transport against Postfix itself, not only against our own idea of a relay.

A private Postfix on loopback takes our mail and hands it on to a relay of the tests, which counts; so every
message has been through a real server's parser twice.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.mail.transport import Outcome, Outgoing
from publisher.mail.transports.smtp import SmtpTransport
from tests.conftest import absent
from tests.factories import settings
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.mail.smtp.sending import smtp

pytestmark = pytest.mark.server

DAEMONS = Path("/usr/lib/postfix/sbin")
SBIN = "/usr/sbin:/usr/local/sbin"

MAIN = """
compatibility_level = 3.6
config_directory = {etc}
queue_directory = {spool}
data_directory = {data}
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.test
mydestination =
alias_maps =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{next}
disable_dns_lookups = yes
maillog_file = {spool}/log
maillog_file_prefixes = /
smtpd_client_connection_count_limit = 0
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
retry unix - - n - - error
error unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int, within: float = 30) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.settimeout(10)
            return connection.recv(100).startswith(b"220")
        time.sleep(0.1)
    return False


@dataclass
class Postfix:
    port: int
    behind: FaultyRelay  # where it hands everything on to


@pytest.fixture
def postfix() -> Iterator[Postfix]:
    if not (DAEMONS / "master").exists():
        absent("postfix")
    if os.geteuid() != 0:
        pytest.skip("a private Postfix can only be started by root")
    directory = Path(tempfile.mkdtemp(prefix="masthead-postfix-"))
    directory.chmod(0o755)
    for name in ("etc", "spool", "data"):
        (directory / name).mkdir()
    os.chown(directory / "data", pwd.getpwnam("postfix").pw_uid, -1)
    with FaultyRelay(Habits(keep_bodies=True)) as behind:
        port = free_port()
        values = {
            "etc": directory / "etc", "spool": directory / "spool", "data": directory / "data", "daemons": DAEMONS,
            "port": port, "next": behind.port,
        }  # fmt: skip
        (directory / "etc/main.cf").write_text(MAIN.format(**values))
        (directory / "etc/master.cf").write_text(MASTER.format(**values))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        subprocess.run(["/usr/sbin/postfix", "-c", directory / "etc", "check"], check=True, timeout=60, **quiet)
        master = subprocess.Popen([DAEMONS / "master", "-c", directory / "etc", "-d"], start_new_session=True, **quiet)
        try:
            assert listens(port), (directory / "spool/log").read_text()[-2000:]
            yield Postfix(port, behind)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGTERM)
            master.wait(20)
            shutil.rmtree(directory, ignore_errors=True)


def a_message(number: int, text: bytes = b"Hello.\r\n") -> Outgoing:
    message_id = f"edition-1.{number}@slow.example"
    head = f"Message-ID: <{message_id}>\r\nFrom: a@slow.example\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n\r\n"
    return Outgoing(number, "b@slow.example", f"r{number}@reader.example", head.encode() + text, message_id)


def transport_to(port: int, directory: Path, connections: int = 3) -> SmtpTransport:
    mail = {"transport": "smtp", "host": "127.0.0.1", "port": port, "security": "none", "connections": connections}
    return smtp(settings(directory, mail=mail))


def test_through_a_real_postfix_every_message_arrives_once_whatever_its_text_tries(
    postfix: Postfix, tmp_path: Path
) -> None:
    evil = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<victim@x.example>\r\nDATA\r\nMessage-ID: <evil@x>\r\n\r\nx\r\n.\r\n"
    texts = [b".\r\n", b"..\r\n", b"a\r\n.\r\n" + evil, b".x\r\n.\r\n.\r\n", b"\r\n.\r\nQUIT\r\n", b"From here\r\n"]
    bare = [b"a\n.\n" + evil, b"a\r.\r" + evil, b"a\n.\r\n" + evil, b"a\r\n.\n" + evil, b"a\r\n.\r" + evil]
    good = [a_message(number, text) for number, text in enumerate(texts * 5)]
    bad = [a_message(100 + number, text) for number, text in enumerate(bare)]
    with closing(transport_to(postfix.port, tmp_path)) as transport:
        results = dict(transport.deliver(iter([*bad, *good]), intent=lambda _: None))
    assert {one.delivery for one, result in results.items() if result.outcome is Outcome.FAILED} == {
        one.delivery for one in bad
    }
    assert {result.status for result in results.values() if result.outcome is Outcome.SENT} == {"2.0.0"}
    deadline = time.monotonic() + 60
    while len(postfix.behind.memory.taken) < len(good) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert postfix.behind.memory.taken == {one.message_id: 1 for one in good}
    assert set(postfix.behind.memory.recipients) == {one.recipient for one in good}
    for body in postfix.behind.memory.bodies:
        sent = next(one for one in good if f"<{one.message_id}>".encode() in body)
        assert body.endswith(sent.message.partition(b"\r\n\r\n")[2])


def test_postfixs_sink_counts_as_many_messages_as_were_sent(tmp_path: Path) -> None:
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:{SBIN}")
    if program is None:
        absent("smtp-sink (postfix)")
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [str(program), "-c", *user, f"127.0.0.1:{port}", "100"]
    sink = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert listens(port)
        with closing(transport_to(port, tmp_path, connections=8)) as transport:
            results = list(transport.deliver((a_message(n) for n in range(500)), intent=lambda _: None))
        assert {result.outcome for _, result in results} == {Outcome.SENT}
        assert len(results) == 500
        time.sleep(1.5)  # it prints its counters once a second
    finally:
        sink.kill()
        said, _ = sink.communicate(timeout=10)
    counted = said.decode(errors="replace").replace("\r", "\n").split("\n")
    assert any("500" in line for line in counted[-3:]), counted[-3:]
