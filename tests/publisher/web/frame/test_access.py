"""Every route names who may use it, and is held to it."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.web.app import PARTS, application, create_app
from publisher.web.frame.frame import Frame
from publisher.web.frame.routes import BoundRoute, Get, PostBody, PostForm

ENTRIES = [entry for part in PARTS for entry in part.ROUTES]
#: A token of the right shape that nobody issued.
MADE_UP = "AQAA" + "A" * 28


def path_of(entry) -> str:
    values = {"token": MADE_UP, "id": "1", "outcome": "send", "action": "pause", "how": "sent", "name": "rss"}
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: values.get(found[1], "x"), entry.path)


def ask(client: TestClient, entry):
    if isinstance(entry, Get):
        return client.get(path_of(entry))
    if isinstance(entry, PostForm):
        return client.post(path_of(entry), data={"choice": "all", "List-Unsubscribe": "One-Click", "token": "x"})
    return client.post(path_of(entry), content=b"{}")


def of(*who: str) -> list:
    return [entry for entry in ENTRIES if entry.access.who in who]


def names(entry) -> str:
    return f"{type(entry).__name__} {entry.path}"


def flat(routes) -> list:
    return [one for route in routes for one in (flat(route.routes) if isinstance(route, Mount) else [route])]


@pytest.mark.parametrize("kind", [Get, PostForm, PostBody])
def test_a_row_without_access_cannot_be_written(kind):
    with pytest.raises(TypeError, match="access"):
        kind("/somewhere", lambda frame, request: None)


def test_every_route_of_the_application_comes_from_a_row_that_says_who_may_use_it(site_dir, store):
    file = site_dir / "publication.toml"
    file.write_text(
        file.read_text().replace('base_url = "https://slow.example"', 'base_url = "https://slow.example/post"')
        + '[feed]\nmoved = { "/old.xml" = "/feed.rss" }\n'
    )
    routes = flat(create_app(Site(load_settings(site_dir), store)).routes)
    assert len(routes) > 2 * len(ENTRIES)
    for route in routes:
        assert isinstance(route, BoundRoute), route
        assert route.entry.access.who in ("anybody", "token", "desk", "metrics", "provider")


def test_what_a_path_looks_like_fits_who_may_use_it():
    for entry in ENTRIES:
        assert ("{token}" in entry.path) is (entry.access.who == "token"), entry.path
        assert entry.path.startswith(("/desk/", "/metrics")) is (entry.access.who in ("desk", "metrics")), entry.path
        assert entry.path.startswith("/webhooks/") is (entry.access.who == "provider"), entry.path


@pytest.mark.parametrize("entry", of("desk", "metrics"), ids=names)
def test_the_desk_does_not_exist_for_others(far, near, entry):
    assert ask(far, entry).status_code == 404
    if isinstance(entry, PostForm):
        assert ask(near, entry).status_code == 403  # the operator's browser, but no page of ours sent it


@pytest.mark.parametrize("entry", of("token"), ids=names)
@pytest.mark.parametrize("visitor", ["far", "near"])
def test_a_link_that_nobody_issued_opens_nothing(request, entry, visitor):
    response = ask(request.getfixturevalue(visitor), entry)
    assert response.status_code == 404
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("entry", of("provider"), ids=names)
def test_a_report_that_is_not_signed_is_refused(site_dir, store, entry):
    frame = Frame.of(Site(load_settings(site_dir), store))
    client = TestClient(application(frame), client=("203.0.113.9", 1))
    assert ask(client, entry).status_code in (401, 404)
