"""The guarded client: nothing but public addresses is ever connected to."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher import net
from publisher.errors import RefusedAddress
from publisher.net import backends
from publisher.net.guard import is_public

LOOPBACK = net.Guard.of(["127.0.0.0/8", "::1"])


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind = self.path.strip("/")
        if kind.startswith("to:"):
            self.send_response(302)
            self.send_header("location", kind.removeprefix("to:"))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        body = {"large": b"x" * 100_000, "bomb": gzip.compress(b"0" * 1_000_000)}.get(kind, b"hello")
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        if kind == "bomb":
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.fixture
def connections(monkeypatch) -> list[tuple[str, int]]:
    """Every address that a socket was asked to connect to."""
    made: list[tuple[str, int]] = []

    def watch(name):
        original = getattr(socket.socket, name)

        def noted(self, address):
            made.append(address)
            return original(self, address)

        monkeypatch.setattr(socket.socket, name, noted)

    watch("connect")
    watch("connect_ex")
    return made


FORMS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "①②⑦.0.0.1",
    "localhost", "LOCALHOST.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fc00::1]",
    "[fec0::1]", "[ff02::1]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8",
    "192.88.99.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "[::ffff:0:127.0.0.1]", "[5f00::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", FORMS)
def test_no_form_of_an_address_that_is_not_public_is_ever_connected_to(host, connections):
    with net.client() as client, pytest.raises((RefusedAddress, httpx.InvalidURL, httpx.ConnectError)):
        client.get(f"http://{host}/")
    assert connections == []


@pytest.mark.parametrize("host", FORMS)
def test_the_asynchronous_client_is_guarded_too(host, connections):
    async def ask():
        async with net.async_client() as client:
            await client.get(f"http://{host}/")

    with pytest.raises((RefusedAddress, httpx.InvalidURL, httpx.ConnectError)):
        asyncio.run(ask())
    assert [address for address in connections if isinstance(address, tuple)] == []


def test_an_address_is_reached_that_the_operator_allowed(server):
    with net.client(LOOPBACK) as client:
        assert client.get(server).text == "hello"


def test_the_connection_goes_to_the_address_that_was_checked(server, monkeypatch):
    """A name that resolves to a public address first and to a private one afterwards (DNS rebinding)."""
    port = int(server.rpartition(":")[2])
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    looked_up = []

    def resolve(host, port):
        looked_up.append(host)
        return next(answers)

    monkeypatch.setattr(backends, "resolve", resolve)
    reached = []
    monkeypatch.setattr(
        backends.httpcore.SyncBackend,
        "connect_tcp",
        lambda self, host, *rest: reached.append(host) or (_ for _ in ()).throw(backends.httpcore.ConnectError("no")),
    )
    with net.client(net.Guard(ports=frozenset({port}))) as client, pytest.raises(httpx.ConnectError):
        client.get(f"http://rebind.example:{port}/")
    assert (looked_up, reached) == (["rebind.example"], ["93.184.216.34"])


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch, connections):
    monkeypatch.setattr(backends, "resolve", lambda host, port: ["93.184.216.34", "10.0.0.1"])
    with (
        net.client() as client,
        pytest.raises(RefusedAddress, match=r"mixed\.example.*\[net\] allow_private") as refused,
    ):
        client.get("http://mixed.example/")
    assert connections == []
    assert "10.0.0.1" not in str(refused.value), "a stranger who reads the message learns no address of the network"
    assert refused.value.address == "10.0.0.1"


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/", "http://169.254.169.254/latest", "https://[fe80::1]/", "http://192.0.0.8/"]
)
def test_every_hop_of_a_redirect_is_checked_again(server, target):
    with net.client(LOOPBACK) as client, pytest.raises(RefusedAddress):
        client.get(f"{server}/to:{target}")


def test_a_redirect_to_another_scheme_or_in_a_circle_ends(server):
    with net.client(LOOPBACK) as client:
        with pytest.raises((RefusedAddress, httpx.UnsupportedProtocol)):
            client.get(f"{server}/to:file:///etc/passwd")
        with pytest.raises(httpx.TooManyRedirects):
            client.get(f"{server}/to:/to:/to:/to:/to:/to:/to:/to:/x")


def test_other_ports_than_those_of_the_web_are_refused(connections):
    with net.client() as client:
        for port in (22, 25, 6379, 8080):
            with pytest.raises(RefusedAddress):
                client.get(f"http://93.184.216.34:{port}/")
    assert connections == []


def test_any_port_of_a_public_address_may_be_allowed_and_nothing_else():
    guard = net.Guard.of([], ports=net.ANY_PORT)
    assert guard.admits("93.184.216.34", 8448)
    assert not guard.admits("10.0.0.1", 8448)
    assert not guard.admits("127.0.0.1", 443)


def test_an_answer_that_is_too_large_or_compressed_is_cut_off(server):
    with net.client(LOOPBACK, max_bytes=1_000) as client:
        with pytest.raises(net.OutOfBounds, match="1000 bytes"):
            client.get(f"{server}/large")
        with pytest.raises(net.OutOfBounds, match="compressed"):
            client.get(f"{server}/bomb")
        assert client.get(f"{server}/small").text == "hello"


def test_the_asynchronous_client_keeps_to_the_same_bounds(server):
    async def ask(path, **bounds):
        async with net.async_client(LOOPBACK, **bounds) as client:
            return (await client.get(f"{server}/{path}")).text

    assert asyncio.run(ask("small")) == "hello"
    assert len(asyncio.run(ask("large"))) == 100_000
    with pytest.raises(net.OutOfBounds, match="1000 bytes"):
        asyncio.run(ask("large", max_bytes=1_000))
    with pytest.raises(net.OutOfBounds, match="compressed"):
        asyncio.run(ask("bomb"))
    with pytest.raises(RefusedAddress):
        asyncio.run(ask("to:http://10.0.0.1/"))
    with pytest.raises(httpx.ReadTimeout):
        asyncio.run(ask("small", total_seconds=-1.0))


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"])
def test_an_answer_that_is_none_is_an_error_of_httpx(said):
    async def ask():
        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server, net.async_client(LOOPBACK) as client:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{port}/")

    asyncio.run(ask())


def test_an_answer_that_drips_is_cut_off(server):
    with net.client(LOOPBACK, total_seconds=-1.0) as client, pytest.raises(net.OutOfBounds, match="took longer"):
        client.get(server)


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_whose_every_byte_comes_in_time_is_cut_off_in_the_end(part):
    """Each read is answered at once, so no time-out of a step ever strikes."""
    ended = threading.Event()
    first = b"HTTP/1.1 200 OK\r\n" if part == "head" else b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(first)
            while not ended.wait(0.02):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        started = time.monotonic()
        try:
            with (
                net.client(LOOPBACK, step_seconds=5.0, total_seconds=0.3) as client,
                pytest.raises((net.OutOfBounds, httpx.ReadTimeout)),
            ):
                client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        finally:
            ended.set()
            thread.join()
    assert time.monotonic() - started < 3.0


def test_no_proxy_of_the_environment_is_used(monkeypatch, server):
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:1/")
    monkeypatch.setenv("ALL_PROXY", "http://192.0.2.1:1/")
    with net.client(LOOPBACK) as client:
        assert client.get(server).text == "hello"


@given(st.ip_addresses())
def test_what_is_public_is_global_and_never_of_a_reserved_network(address):
    if is_public(address):
        assert address.is_global
        assert not any((address.is_private, address.is_loopback, address.is_multicast, address.is_link_local))


def test_public_addresses_are_public():
    for text in ("93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450:4001:81b::200e"):
        assert is_public(ipaddress.ip_address(text))
