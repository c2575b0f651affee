"""Who is the operator, how large a body may be, and which files are served."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from publisher.lib.networks import is_loopback_host
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.web.frame.access import ANYBODY
from publisher.web.frame.body import Origins, page_body
from publisher.web.frame.frame import Frame
from publisher.web.frame.routes import PostForm, bind
from publisher.web.frame.security import (
    BodyLimit,
    FormToken,
    is_local,
    same_origin,
)
from publisher.web.frame.visitors import FORWARDING_HEADERS, Visitors
from publisher.web.site.files import media_file


def scope(client="127.0.0.1", host="127.0.0.1:8000", **headers):
    given_headers = [(b"host", host.encode())] if host is not None else []
    given_headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "method": "POST",
        "path": "/",
        "client": (client, 1) if client else None,
        "headers": given_headers,
    }


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ("127.0.0.1", "localhost:8000"),
        ("127.0.0.1", "127.0.0.1:8000"),
        ("127.8.8.8", "LOCALHOST"),
        ("::1", "[::1]:8000"),
        ("127.0.0.1", "localhost"),
    ],
)
def test_a_browser_of_this_machine_that_asks_for_this_machine_is_local(client, host):
    assert is_local(scope(client, host), Visitors())


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ("192.168.0.7", "127.0.0.1:8000"),
        ("203.0.113.9", "localhost"),
        ("127.0.0.1", "rebound.evil.example:8000"),  # DNS rebinding: the name resolves to us, but is not ours
        ("127.0.0.1", "localhost.evil.example"),
        ("127.0.0.1", "127.0.0.1.evil.example"),
        ("127.0.0.1", "evil@127.0.0.1.nip.example"),
        ("127.0.0.1", "slow.example"),
        ("127.0.0.1", ""),
        ("127.0.0.1", None),
        ("127.0.0.1", "0.0.0.0:8000"),
        ("127.0.0.1", "[::]"),
        ("testclient", "localhost"),
        ("", "localhost"),
    ],
)
def test_anybody_else_is_not(client, host):
    assert not is_local(scope(client, host), Visitors())


@pytest.mark.parametrize("header", FORWARDING_HEADERS)
def test_a_request_that_came_through_a_proxy_is_not_local(header):
    assert not is_local(scope(**{header: "127.0.0.1"}), Visitors())


def test_two_host_headers_are_not_local():
    doubled = scope()
    doubled["headers"].append((b"host", b"evil.example"))
    assert not is_local(doubled, Visitors())


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_host_header_is_too_odd_to_judge(host):
    assert is_loopback_host(host) in (True, False)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"origin": "http://127.0.0.1:8000", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:8000"}, True),
        ({"origin": "http://127.0.0.1:9000"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[bad"}, False),
        ({}, False),
        ({"origin": "http://127.0.0.1:8000", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "http://127.0.0.1:8000", "sec_fetch_site": "same-site"}, False),
    ],
)
def test_a_form_post_must_come_from_the_origin_it_goes_to(headers, allowed):
    assert same_origin(Request(scope(**headers))) is allowed


def test_a_form_token_matches_itself_alone():
    token = FormToken()
    assert token.matches({"token": token.value})
    for wrong in ({}, {"token": ""}, {"token": token.value + "x"}, {"token": FormToken().value}, {"token": 1}):
        assert not token.matches(wrong)
    assert token.value not in repr(token)


@pytest.fixture
def small(site_dir, store):
    def handler(frame, request, form):
        return PlainTextResponse(",".join(sorted(form)))

    frame = Frame.of(Site(load_settings(site_dir), store))
    app = Starlette(
        routes=[
            *bind(frame, [PostForm("/form", handler, ANYBODY)]),
            Route("/get", lambda request: PlainTextResponse("got")),
        ],
        middleware=[Middleware(BodyLimit, limits=(("", 100),))],
    )
    return TestClient(app)


def test_a_body_within_the_limit_reaches_its_handler_in_both_encodings(small):
    assert small.post("/form", data={"b": "1", "a": "2"}).text == "a,b"
    limits = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n"
    assert small.post("/form", content=limits, headers={"content-type": "multipart/form-data; boundary=x"}).text == "a"


def test_a_body_over_the_limit_is_refused_whether_or_not_it_declares_its_size(small):
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert small.post("/form", content=b"a=" + b"x" * 200, headers=form).status_code == 413
    assert small.post("/form", content=(b"a" * 30 for _ in range(9)), headers=form).status_code == 413
    assert small.post("/form", content=b"a=1", headers=form | {"content-length": "9" * 13}).status_code == 413


@pytest.mark.parametrize("path", ["/webhooks/ses", "/news/webhooks/ses"])
def test_a_batch_of_reports_may_be_larger_with_and_without_the_path_of_the_base_url(path):
    async def read(scope, receive, send):
        size = len((await receive())["body"])
        await PlainTextResponse(str(size))(scope, receive, send)

    client = TestClient(BodyLimit(read, prefix="/news"))
    assert client.post(path, content=b"x" * 100_000).text == "100000"


def test_a_file_in_a_form_is_refused(small):
    part = b'--x\r\nContent-Disposition: form-data; name=a; filename="f"\r\n\r\n1\r\n--x--\r\n'
    answer = small.post("/form", content=part, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 400


def test_media_serves_what_is_inside_its_folder(tmp_path):
    (tmp_path / "media" / "2026").mkdir(parents=True)
    picture = tmp_path / "media" / "2026" / "Q ü.jpg"
    picture.write_bytes(b"x")
    assert media_file(tmp_path / "media", "2026/Q ü.jpg") == picture.resolve()


@pytest.mark.parametrize(
    "path",
    [
        "../secret", "2026/../../secret", "/etc/passwd", "..\\secret", ".hidden", "2026/.git/x", "", "2026", "2026/",
        "a\0b", "link", "x" * 5000, "a/" * 300 + "b", "%2e%2e/secret", "loop",
    ],
)  # fmt: skip
def test_media_serves_nothing_else(tmp_path, path):
    media = tmp_path / "media"
    (media / "2026").mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    (media / ".hidden").write_text("s")
    (media / "link").symlink_to(tmp_path / "secret")
    (media / "loop").symlink_to(media / "loop")
    assert media_file(media, path) is None


def test_media_answers_with_harmless_types_and_a_sandbox(far, site_dir):
    media = site_dir / "media"
    (media / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    (media / "a.html").write_text("<script>alert(1)</script>")
    (media / "a.mp3").write_bytes(b"0123456789")
    svg, page, sound = (far.get(f"/media/{name}") for name in ("a.svg", "a.html", "a.mp3"))
    for answer in (svg, page, sound):
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith("attachment")
    part = far.get("/media/a.mp3", headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


ORIGINS = Origins("https://slow.example", "", ["images.example"])


def test_pictures_of_ours_are_addressed_by_path():
    body = '<p><img src="https://slow.example/media/a.jpg" alt="a > b"></p>'
    assert page_body(body, ORIGINS) == (
        '<p><img src="/media/a.jpg" alt="a &gt; b" loading="lazy" decoding="async"></p>'
    )


@pytest.mark.parametrize(
    "source",
    ["https://tracker.example/p.gif", "http://slow.example.evil.example/a", "http://images.example/a", "//x.example/a",
     "https://slow.examplevil.example/a", "https://[bad/"],
)  # fmt: skip
def test_a_third_partys_picture_becomes_a_link_or_words(source):
    shown = page_body(f'<p><img src="{source}" alt="Map"></p>', ORIGINS)
    assert "<img" not in shown
    assert "src=" not in shown


def test_a_picture_inside_a_link_never_makes_a_link_inside_a_link():
    shown = page_body('<a href="https://a.example"><img src="https://t.example/p.gif" alt="Map"></a>', ORIGINS)
    assert shown == '<a href="https://a.example"><span>Map (t.example)</span></a>'


def test_a_host_that_the_operator_allows_is_loaded_over_https():
    assert 'src="https://images.example/a.png"' in page_body('<img src="https://images.example/a.png">', ORIGINS)


PIECES = ["<p>", "</p>", "a & b", "&lt;x&gt;", "&#8212;", "<em>", "</em>", "<br>", "é", "\n", "</a>"]
PIECES.append('<a href="https://a.example/?x=1&amp;y=2">')


@given(st.lists(st.sampled_from(PIECES)))
@settings(max_examples=150, deadline=None)
def test_everything_that_loads_nothing_stays_as_it_is(pieces):
    body = "".join(pieces)
    assert page_body(body, ORIGINS) == body


def test_what_scrolls_by_itself_can_be_reached_with_the_keyboard():
    assert page_body("<pre><code>x</code></pre>", ORIGINS) == '<pre tabindex="0"><code>x</code></pre>'
    assert page_body("<!doctype html><table><tr></tr></table>", ORIGINS) == "<!doctype html><table><tr></tr></table>"
