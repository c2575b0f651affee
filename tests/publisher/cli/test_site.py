"""``masthead run`` on a site whose settings name what is not there: one line, before anything is started."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from publisher.cli import app
from publisher.errors import SettingsError
from tests.factories import write_site

CHAT = {"name": "chat", "kind": "telegram"}
WRONG = [
    ({"channels": [{**CHAT, "kind": "telegrm"}]}, "telegrm"),
    ({"channels": [{**CHAT, "dry_run": True, "options": {"chatt": "@slow"}}]}, "channels[chat].options.chatt"),
    ({"channels": [{**CHAT, "options": {"chat": "@slow"}}]}, "channels[chat].options.token"),
    ({"mail": {"transport": "pigeon"}}, "pigeon"),
    ({"sources": [{"name": "a", "kind": "scrol"}]}, "scrol"),
]


@pytest.mark.parametrize(("tables", "named"), WRONG)
def test_a_wrong_member_or_option_stops_run_with_one_line(tmp_path, monkeypatch, tables, named):
    started = []
    monkeypatch.setattr("publisher.cli.site.supervise", lambda *_, **__: started.append(1))
    site = write_site(tmp_path / "site", **tables)
    result = CliRunner().invoke(app, ["run", "--site", str(site)])
    assert not started
    assert isinstance(result.exception, SettingsError)
    assert named in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("base_url", "port", "said"),
    [
        ("http://127.0.0.1:8000", "8765", True),
        ("http://localhost:8000", "8000", False),
        ("https://slow.example", "8765", False),
    ],
)
def test_run_says_when_its_links_lead_to_another_port(tmp_path, monkeypatch, base_url, port, said):
    monkeypatch.setattr("publisher.cli.site.supervise", lambda *_, **__: None)
    site = write_site(tmp_path / "site", publication={"base_url": base_url})
    result = CliRunner().invoke(app, ["run", "--site", str(site), "--port", port])
    assert result.exit_code == 0, result.output
    assert ("links in mail and feeds lead to" in " ".join(result.output.split())) is said
