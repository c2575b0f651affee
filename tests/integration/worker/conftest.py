"""A site with an edition to send, and brokers to send it by; what they are is in ``harness``."""

from __future__ import annotations

import pytest

from tests.integration.worker.harness import Site, rabbitmq, redis


@pytest.fixture
def new_site(tmp_path):
    made: list[Site] = []

    def make(**options: str) -> Site:
        made.append(Site(tmp_path / f"site{len(made)}", **options))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def redis_server():
    with redis() as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq_server():
    with rabbitmq() as server:
        yield server


@pytest.fixture(
    params=[
        "embedded-threads",
        pytest.param("embedded-prefork", marks=pytest.mark.server),
        pytest.param("redis", marks=pytest.mark.server),
        pytest.param("rabbitmq", marks=pytest.mark.server),
    ]
)
def any_broker(request):
    """What ``[worker]`` says for each broker."""
    if request.param == "embedded-threads":
        return {}
    if request.param == "embedded-prefork":
        return {"pool": "prefork"}
    return {"broker": request.getfixturevalue(f"{request.param}_server").url}
