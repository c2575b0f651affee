"""``python -m publisher.web`` opens a site as every command does."""

from __future__ import annotations

import sys

import pytest

from publisher.web.__main__ import main


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('[[channels]]\nname = "m"\nkind = "mastodon"\n[channels.options]\nnonsense = 1\n', "nonsense"),
        ('[publication]\nshare_targets = ["nowhere"]\n', "nowhere"),
    ],
)
def test_a_site_that_no_command_would_open_is_not_served(site_dir, monkeypatch, wrong, said):
    file = site_dir / "publication.toml"
    text = file.read_text()
    file.write_text(
        text.replace("[publication]\n", wrong) if wrong.startswith("[publication]") else text + "\n" + wrong
    )
    monkeypatch.setattr(sys, "argv", ["web", "--site", str(site_dir), "--port", "1"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert str(stopped.value).startswith("masthead web: ")
    assert said in str(stopped.value)
