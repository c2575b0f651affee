"""The desk is served where ``base_url`` is loopback, and the metrics also to whoever has the token."""

from __future__ import annotations

import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from publisher.errors import SettingsError
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.settings.base import Secret
from publisher.settings.reach import desk_line, proxies_line, serves_desk, start_lines
from publisher.web.app import create_app
from publisher.web.frame.frame import Frame
from tests.factories import settings as made
from tests.publisher.web.conftest import on_loopback

TOKEN = "a-token-of-enough-characters"


def client(app, host: str) -> TestClient:
    return TestClient(app, base_url=f"http://{host}", client=("127.0.0.1", 4711), follow_redirects=False)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "slow.example"])
def test_a_site_with_a_public_address_shows_its_desk_to_nobody(site_dir, store, host):
    app = create_app(Site(load_settings(site_dir), store))
    for path in ("/desk/outbox", "/metrics", "/desk/editions/1"):
        assert client(app, host).get(path).status_code == 404
    assert "The desk" not in client(app, host).get("/").text


@pytest.mark.parametrize(
    ("base_url", "served"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000/post", True),
        ("https://slow.example", False),
        ("http://192.168.0.4", False),
        ("https://localhost.evil.example", False),
        ("https://localhost@slow.example", False),
    ],
)
def test_base_url_decides_whether_there_is_a_desk(base_url, served):
    site = made(publication={"base_url": base_url})
    assert serves_desk(site) is served
    assert bool(desk_line(site)) is not served
    assert not serves_desk(made(publication={"base_url": base_url}, web={"desk": "off"}))


@pytest.mark.parametrize(
    "header",
    [
        f"Bearer {TOKEN}",
        f"bearer   {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer",
        "Bearer ",
        "",
        "Bearer \xe9",
    ],
)
def test_the_metrics_are_read_from_elsewhere_with_the_token_alone(site_dir, store, monkeypatch, header):
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    with (site_dir / "publication.toml").open("a") as file:
        file.write('[web]\nmetrics_token = { env = "METRICS_TOKEN" }\n')
    app = create_app(Site(load_settings(site_dir), store))
    far = TestClient(app, base_url="https://slow.example", client=("203.0.113.9", 1))
    response = far.get("/metrics", headers={"authorization": header.encode("latin-1")})
    genuine = header.split() in (["Bearer", TOKEN], ["bearer", TOKEN])
    assert response.status_code == (200 if genuine else 404)
    assert ("masthead_" in response.text) is genuine
    assert response.headers["cache-control"] == "no-store"
    assert far.get("/desk/outbox", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 404


def test_without_a_token_in_the_settings_no_token_opens_the_metrics(far):
    for given in ("Bearer ", "Bearer", "Bearer None"):
        assert far.get("/metrics", headers={"authorization": given}).status_code == 404


def test_a_token_that_can_be_guessed_is_refused_and_not_shown(site_dir, store, monkeypatch):
    monkeypatch.setenv("METRICS_TOKEN", "short")
    web = load_settings(site_dir).web.model_copy(update={"metrics_token": Secret(env="METRICS_TOKEN")})
    settings = load_settings(site_dir).model_copy(update={"web": web})
    with pytest.raises(SettingsError, match="at least 16") as caught:
        Frame.of(Site(settings, store))
    assert "short" not in str(caught.value)


def test_what_is_said_at_start_is_true_and_one_line_each(site_dir):
    public = load_settings(site_dir)
    assert len(start_lines(public)) == 2
    assert "desk is not served" in desk_line(public)
    assert "trusted_proxies" in proxies_line(public)
    assert start_lines(on_loopback(public)) == []
    named = made(web={"trusted_proxies": ["172.18.0.0/16"]})
    assert len(start_lines(named)) == 1
    assert "172.18.0.0/16" in proxies_line(named)
    assert not any("\n" in line for line in start_lines(public))


def test_the_web_process_says_it_when_it_starts(site_dir):
    done = subprocess.run(
        [sys.executable, "-m", "publisher.web", "--site", str(site_dir), "--host", "192.0.2.1", "--port", "1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0  # nobody listens there
    assert done.stderr.count("the desk is not served") == 1
