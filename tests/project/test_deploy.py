"""What deploy/ tells an operator to run exists."""

import ipaddress
import re
from pathlib import Path

import pytest
import yaml

from publisher.settings import Settings, load_settings
from tests.factories import write_site

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())


def composed():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def test_the_compose_file_has_web_workers_scheduler_and_servers():
    assert set(composed()["services"]) == {"web", "worker", "scheduler", "nginx", "database", "broker"}


def test_its_environment_is_made_of_settings(tmp_path):
    write_site(tmp_path)
    environment = composed()["services"]["worker"]["environment"]
    settings = load_settings(tmp_path, {name: value for name, value in environment.items() if "MASTHEAD" in name})
    assert settings.worker.broker.startswith("amqp://")
    assert settings.worker.pool_name == "prefork"
    assert settings.database_url.startswith("postgresql://")


def commands():
    for name, service in composed()["services"].items():
        if "command" in service:
            yield name, service["command"]
    for unit in UNITS:
        line = re.search(r"^ExecStart=(.+)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
        yield unit.name, line.group(1).split()


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_is_one_of_ours_with_options_that_it_has(name, command):
    root = DEPLOY.parent
    if "-m" in command:
        module = command[command.index("-m") + 1]
        source = (root / module.replace(".", "/") / "__main__.py").read_text(encoding="utf-8")
        for option in (word for word in command if word.startswith("--")):
            assert f'"{option}"' in source
    else:
        assert command[0].endswith("masthead")
        assert command[1] in ("run", "lmtp")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_gives_a_worker_time_to_drain(unit):
    text = unit.read_text(encoding="utf-8")
    assert int(re.search(r"TimeoutStopSec=(\d+)", text).group(1)) >= 10
    assert "NoNewPrivileges=yes" in text


def test_every_setting_that_the_scaling_page_names_exists():
    text = (DEPLOY.parent / "docs" / "scaling.md").read_text(encoding="utf-8")
    for table, key in re.findall(r"`\[(\w+)\] (\w+)", text):
        assert key in Settings.model_fields[table].annotation.model_fields, f"[{table}] {key}"


def test_the_compose_file_trusts_nginx_and_nobody_else(tmp_path):
    write_site(tmp_path)
    services = composed()["services"]
    environment = services["web"]["environment"]
    settings = load_settings(tmp_path, {name: value for name, value in environment.items() if "MASTHEAD" in name})
    address = services["nginx"]["networks"]["default"]["ipv4_address"]
    assert settings.web.trusted_proxies == (address,)
    (pool,) = composed()["networks"]["default"]["ipam"]["config"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(pool["subnet"])


def test_nginx_says_who_the_visitor_is_wherever_it_asks_the_app():
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    locations = re.findall(r"location @?\S+ \{[^{}]*proxy_pass[^{}]*\}", text)
    assert locations
    for one in locations:
        assert "proxy_set_header X-Forwarded-For $remote_addr;" in one  # replaces what the visitor wrote
        assert "proxy_set_header X-Forwarded-Proto $scheme;" in one
