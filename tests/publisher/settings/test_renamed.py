"""Old names of settings keep working."""

from __future__ import annotations

from publisher.settings import load_settings
from publisher.settings.renamed import rename

RENAMED = {"websub.allow": "net.allow", "feed.size": "feed.length"}


def test_an_old_key_moves_to_its_new_place_and_costs_one_line():
    raw = {"websub": {"allow": ["10.0.0.0/8"], "hubs": []}}
    assert rename(raw, RENAMED) == ["websub.allow is called net.allow now; the old name still works, write the new one"]
    assert raw == {"websub": {"hubs": []}, "net": {"allow": ["10.0.0.0/8"]}}


def test_where_both_names_are_set_the_new_one_wins_and_the_line_says_so():
    raw = {"feed": {"size": 20, "length": 40}}
    (line,) = rename(raw, RENAMED)
    assert line.endswith("feed.size is ignored; remove it")
    assert raw == {"feed": {"length": 40}}


def test_a_file_with_todays_names_is_left_alone():
    raw = {"net": {"allow": []}, "feed": "not a table"}
    assert rename(raw, RENAMED) == []
    assert raw == {"net": {"allow": []}, "feed": "not a table"}


def test_the_networks_of_websub_are_those_of_every_request_now(tmp_path, caplog):
    (tmp_path / "publication.toml").write_text(
        '[publication]\ntitle = "T"\nbase_url = "https://t.example"\n[sender]\naddress = "t@t.example"\n'
        '[websub]\nallow_addresses = ["10.1.0.0/16"]\n'
    )
    assert load_settings(tmp_path, {}).net.allow_private == ("10.1.0.0/16",)
    assert "websub.allow_addresses is called net.allow_private now" in caplog.text
