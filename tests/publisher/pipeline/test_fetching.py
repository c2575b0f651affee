"""Where the images of posts may come from."""

from __future__ import annotations

import pytest

from publisher.errors import MastheadError
from publisher.pipeline.fetching import image_fetcher
from publisher.pipeline.site import open_site
from tests.factories import write_site


@pytest.fixture
def fetch(tmp_path):
    write_site(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "bread.png").write_bytes(b"picture")
    (tmp_path / "media" / "way-out.png").symlink_to(tmp_path / "secret.txt")
    site = open_site(tmp_path)
    yield image_fetcher(site)
    site.close()


def test_our_own_media_are_read_from_the_site(fetch):
    assert fetch("https://slow.example/media/bread.png?v=2") == b"picture"


@pytest.mark.parametrize(
    "name", ["../secret.txt", "%2e%2e/secret.txt", "way-out.png", "nothing.png", "", "%00", "a" * 300]
)
def test_nothing_outside_of_the_media_folder_is_read(fetch, name):
    with pytest.raises(MastheadError, match="media folder"):
        fetch(f"https://slow.example/media/{name}")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.png", "http://localhost/a.png", "http://[::1]/a.png", "http://0x7f.1/"]
)
def test_no_address_of_this_machine_is_asked(fetch, url):
    with pytest.raises(MastheadError):
        fetch(url)
