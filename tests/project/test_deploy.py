"""What deploy/ tells an operator to run exists."""

import ipaddress
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from publisher.cli.main import COMMANDS
from publisher.settings import Settings, load_settings
from publisher.store.integrity import OLDEST_POSTGRESQL
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


def dockerfile() -> list[list[str]]:
    """The instructions of the Dockerfile, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_image_is_built_of_what_the_repository_holds():
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = dockerfile()
    for words in lines:
        if words[0] == "COPY" and not words[1].startswith("--from"):
            assert (DEPLOY.parent / words[1]).exists(), words
        if words[0] == "FROM":
            version = re.fullmatch(r"python:(\d+)\.(\d+)-slim", words[1]).groups()
            assert tuple(map(int, version)) >= (3, 11)
    assert project["requires-python"] == ">=3.11"
    (extras,) = re.findall(r"\[([a-z,]+)\]\"", " ".join(word for words in lines for word in words))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    command = json.loads(" ".join(next(words[1:] for words in lines if words[0] == "CMD")))
    assert command[0] in project["scripts"]
    assert command[1] in COMMANDS


def test_the_image_runs_as_nobody_in_particular_and_the_compose_file_knows_its_number():
    lines = dockerfile()
    assert ["USER", "masthead"] in lines
    (number,) = re.findall(r"useradd --uid (\d+)", " ".join(word for words in lines for word in words))
    assert f"uid {number}" in (DEPLOY / "compose.yaml").read_text(encoding="utf-8")


def test_what_the_compose_file_refers_to_is_there():
    file = composed()
    for name, service in file["services"].items():
        assert set(service.get("depends_on", ())) <= set(file["services"]), name
        assert set(service.get("secrets", ())) <= set(file["secrets"]), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            made_by_the_operator = source.startswith("../site")
            assert made_by_the_operator or source in file["volumes"] or (DEPLOY / source).exists(), volume
    for service in file["services"].values():
        for wanted in service.get("depends_on", {}) if isinstance(service.get("depends_on"), dict) else ():
            assert "healthcheck" in file["services"][wanted]
    (version,) = re.findall(r"postgres:(\d+)", file["services"]["database"]["image"])
    assert int(version) >= OLDEST_POSTGRESQL


def test_the_lines_to_change_in_the_nginx_configuration_are_as_many_as_is_said():
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert len(re.findall(r"# CHANGE", text)) == 6
    assert "the six lines marked CHANGE" in text
    assert "its six lines marked CHANGE" in (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert "six lines in it are marked `CHANGE`" in (DEPLOY.parent / "docs" / "running.md").read_text(encoding="utf-8")


def test_the_docs_say_what_was_not_started_here():
    text = " ".join((DEPLOY.parent / "docs" / "running.md").read_text(encoding="utf-8").split())
    assert "not started here: try them before you rely on them" in text
    assert "The units themselves were not started" in text


@pytest.mark.parametrize("name", [".dockerignore", ".gitignore"])
def test_no_secret_of_the_compose_file_gets_into_an_image_or_the_repository(name):
    lines = [line.strip("/") for line in (DEPLOY.parent / name).read_text(encoding="utf-8").splitlines()]
    for secret in composed()["secrets"].values():
        assert f"deploy/{Path(secret['file']).name}" in lines
    assert "site" in lines
