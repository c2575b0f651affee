"""Inlining: what premailer must keep, and what it must never be allowed to do."""

import contextlib
import http.server
import os
import threading

import pytest

from publisher.errors import CompositionRefused
from publisher.rendering.inlining import inline

PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title><style>{}</style>{}</head>'
    "<body>{}</body></html>"
)


def page(css: str = "", body: str = "<p>x</p>", head: str = "") -> str:
    return PAGE.format(css, head, body)


def test_rules_become_attributes_and_the_doctype_stays():
    result = inline(page("p {color: #112234;}"))
    assert result.startswith("<!DOCTYPE html>")
    assert '<p style="color:#112234">' in result


def test_media_queries_and_hover_rules_stay_with_their_important():
    result = inline(
        page("@media (max-width: 480px) {p {width: 100% !important;}} a:hover {color: #000000 !important;}")
    )
    assert "width: 100% !important" in result
    assert "a:hover" in result
    assert "!important" in result.split("a:hover")[1]


def test_a_sheet_marked_to_be_left_alone_is_left_alone():
    rules = "@font-face {font-family: X; src: url(x)} @supports (display: grid) {p {margin: 0}} @keyframes x {}"
    assert rules in inline(page(head=f'<style data-premailer="ignore">{rules}</style>'))


def test_conditional_comments_stay_byte_for_byte():
    ghost = '<!--[if mso]><table width="600"><tr><td><![endif]--><p>x</p><!--[if mso]></td></tr></table><![endif]-->'
    assert ghost in inline(page("td {color: #000000;}", ghost))
    shown = "<!--[if !mso]><!--><p>y</p><!--<![endif]-->"
    assert shown in inline(page(body=shown))


def test_a_numeric_width_is_never_overwritten():
    result = inline(page("img {width: 100%; height: auto;}", '<img src="https://a.example/i" width="560" alt="">'))
    assert 'width="560"' in result
    assert "height=" not in result


def test_the_documents_own_colliding_names_do_not_poison_the_next_document():
    inline(page(body='<p style="h2">x</p>'))
    assert 'style="color:#000"' in inline(page("h2 {color: #000000;}", "<h2>x</h2>"))


def test_the_same_document_always_gives_the_same_bytes():
    document = page("p {margin: 0; color: #111111;} .a {color: #222222;}", '<p class="a">é &amp; &nbsp;&zwnj;</p>' * 50)
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(inline(document))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert len(results) == 4


@pytest.mark.parametrize(
    "css",
    ["@import url(http://127.0.0.1:{port}/x);", "@IMPORT 'http://127.0.0.1:{port}/x';", "@im/**/port 'http://127.0.0.1:{port}/x';",
     "@\\69mport url(http://127.0.0.1:{port}/x);", "p {{background: url(http://127.0.0.1:{port}/x)}}",
     "@import url(file://{fifo});"],
)  # fmt: skip
def test_no_style_sheet_reaches_the_network_or_a_file(css, tmp_path):
    hits: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # reading it would hang for good
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with contextlib.suppress(CompositionRefused):
                inline(page(css.format(port=server.server_port, fifo=fifo)), seconds=5)
        finally:
            server.shutdown()
            thread.join()
    assert hits == []


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (page(body="<div>" * 300 + "x"), "nested 302 deep"),
        (page(body="x" * 600_000), "bytes before inlining"),
        (page(css="p {margin: 0}" * 6000), "style sheets"),
        (page(head='<link rel="stylesheet" href="https://a.example/x.css">'), "links to a style sheet"),
        ("\ufeff" + page(), "byte order mark"),
        ('<?xml version="1.0" encoding="utf-8"?>' + page(), "XML declaration"),
    ],
)
def test_what_premailer_would_lose_or_choke_on_is_refused_before_it(document, reason):
    with pytest.raises(CompositionRefused, match=reason):
        inline(document)


def test_a_document_that_takes_too_long_is_given_up_and_the_next_one_works():
    slow = page("".join(f".a{i} {{color: #000000;}}" for i in range(2500)), '<p class="a1">x</p>' * 8000)
    with pytest.raises(CompositionRefused, match="more than 1 seconds"):
        inline(slow, seconds=1)
    assert "<p>x</p>" in inline(page())


def test_a_lost_mark_link_or_picture_refuses_the_edition(monkeypatch):
    from publisher.rendering import inlining

    monkeypatch.setattr(inlining._child, "ask", lambda document, seconds: b"<html><body></body></html>")
    for body, marks in (
        ("<p>zq1</p>", ("zq1",)),
        ('<a href="https://a.example">x</a>', ()),
        ('<img src="x" alt="">', ()),
    ):
        with pytest.raises(CompositionRefused, match="changed the number of"):
            inline(page(body=body), marks=marks)


def test_a_child_that_was_killed_is_replaced(monkeypatch):
    from publisher.rendering import inlining

    inline(page())
    inlining._child._process.kill()
    assert "<p>x</p>" in inline(page())


def test_the_child_has_none_of_our_environment(monkeypatch):
    from publisher.rendering.inlining import start_child, stop_child

    monkeypatch.setenv("MASTHEAD_MAIL__PASSWORD", "hunter2")
    process = start_child("publisher.rendering.inlining", {})
    try:
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            assert b"hunter2" not in file.read()
    finally:
        stop_child(process)


def test_a_process_made_by_a_fork_gets_a_child_of_its_own():
    from publisher.rendering import inlining

    inline(page())
    with inlining._child._lock:  # as if another thread were inlining
        pid = os.fork()
        if pid == 0:
            os._exit(0 if "<p>x</p>" in inline(page()) and not inlining._child.close() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert "<p>x</p>" in inline(page())
