"""The proof of work in a real browser: our own script under our own policy, and the plain page without it."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn
from sqlalchemy import update

from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import open_store
from publisher.store.notices import notice
from publisher.web.app import create_app
from tests.factories import write_site

pytestmark = pytest.mark.server
REAL = "mara@post.example"


@pytest.fixture(scope="module")
def busy_site(tmp_path_factory):
    """A site where a provider's budget of one request is used up."""
    folder = tmp_path_factory.mktemp("busy")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    write_site(
        folder,
        publication={"base_url": url},
        subscribing={"per_domain": 1, "per_network": 1000},
    )
    settings = load_settings(folder)
    store = open_store(settings.database_url)
    server = uvicorn.Server(
        uvicorn.Config(create_app(Site(settings, store)), log_level="critical", proxy_headers=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield url, store
    server.should_exit = True
    thread.join(10)
    store.close()


def due_of(store, address: str) -> float:
    with store.read() as tx:
        return tx.execute(notice.select().where(notice.c.address == address)).one().due


@contextmanager
def asked(chromium, url: str, address: str, *, scripts: bool = True, hold: bool = False, **more):
    """The page after the form was sent; its complaints and the hosts it asked. ``hold`` keeps the script from work."""
    context = chromium.new_context(java_script_enabled=scripts, **more)
    page = context.new_page()
    page.complaints, page.hosts = [], set()
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.hosts.add("/".join(request.url.split("/", 3)[:3])))
    if hold:
        page.route("**/subscribe/work.*", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(f"{url}/subscribe")
    page.fill("#address", address)
    page.click("form button")
    yield page
    context.close()


@pytest.fixture(scope="module", autouse=True)
def used_up(chromium, busy_site):
    with asked(chromium, busy_site[0], "first@post.example") as page:
        page.get_by_role("heading", name="Check your mail").wait_for()


def test_the_page_does_the_work_and_the_confirmation_is_due_at_once(chromium, busy_site):
    url, store = busy_site
    with asked(chromium, url, REAL) as page:
        page.get_by_role("heading", name="Check your mail").wait_for(timeout=60_000)
        assert page.complaints == []
        assert page.hosts == {url}
    assert due_of(store, REAL) <= time.time()


def test_the_script_hashes_as_everybody_does(chromium, busy_site):
    """A payload that it made is taken again by nobody: it is genuine and used."""
    url, store = busy_site
    sent = []
    context = chromium.new_context()
    page = context.new_page()
    page.on("request", lambda request: sent.append(request.post_data) if request.method == "POST" else None)
    page.goto(f"{url}/subscribe")
    page.fill("#address", "again@post.example")
    page.click("form button")
    page.get_by_role("heading", name="Check your mail").wait_for(timeout=60_000)
    assert "altcha=" in sent[-1]
    assert due_of(store, "again@post.example") <= time.time()
    with store.begin() as tx:
        tx.execute(update(notice).where(notice.c.address == "again@post.example").values(due=time.time() + 9000))
    answer = context.request.post(
        f"{url}/subscribe", data=sent[-1], headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status == 200
    assert due_of(store, "again@post.example") > time.time()
    context.close()


def test_without_scripts_the_request_is_kept_for_the_next_day(chromium, busy_site):
    url, store = busy_site
    with asked(chromium, url, "plain@post.example", scripts=False) as page:
        page.get_by_role("heading", name="Your request is kept").wait_for()
        assert "usually tomorrow" in page.locator("main").inner_text()
        assert not page.locator("progress").is_visible()
        assert page.hosts == {url}
    assert due_of(store, "plain@post.example") > time.time() + 80_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("working", [False, True])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(chromium, busy_site, axe_source, scheme, working):
    look = {"color_scheme": scheme, "viewport": {"width": 320, "height": 700}}
    with asked(chromium, busy_site[0], f"{scheme}{working}@post.example", hold=True, **look) as page:
        page.get_by_role("heading", name="Your request is kept").wait_for()
        if working:
            page.evaluate("document.querySelector('[role=status]').hidden = false")
        found = page.evaluate(f"(() => {{ {axe_source} }})(), axe.run()")
        assert [(v["id"], [node["html"][:160] for node in v["nodes"]]) for v in found["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert json.loads(page.get_attribute("form", "data-challenge"))["maxnumber"] >= 200_000
