"""What deploy/ tells an operator to run exists."""

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
