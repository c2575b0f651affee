"""``masthead dkim new``."""

from __future__ import annotations

import stat

import pytest
from typer.testing import CliRunner

from publisher.cli import app
from publisher.lib.findings import Level
from publisher.mail.dkim import load_signers
from publisher.mail.domains import dkim_record
from tests import factories
from tests.publisher.mail.domains.zone import ZoneResolver


def new(site, *options):
    return CliRunner().invoke(app, ["dkim", "new", "--site", str(site), *options])


def test_the_key_signs_and_its_printed_record_is_found_right_by_the_doctor(tmp_path):
    site = factories.write_site(tmp_path)
    done = new(site)
    assert done.exit_code == 0, done.output
    path = site / "secrets" / "dkim-masthead.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    line = next(line for line in done.output.splitlines() if " IN TXT " in line)
    signer = load_signers(domain="slow.example", rsa=("masthead", path.read_text()), ed25519=None)
    found = dkim_record.check(ZoneResolver(line), "slow.example", signer.keys[0])
    assert found.level is Level.OK
    assert 'key = { file = "secrets/dkim-masthead.pem" }' in done.output


def test_a_modern_key_is_a_second_one(tmp_path):
    site = factories.write_site(tmp_path)
    done = new(site, "--ed25519")
    assert "masthead-ed._domainkey.slow.example." in done.output
    assert 'ed25519_key = { file = "secrets/dkim-masthead-ed.pem" }' in done.output


def test_a_key_that_may_be_in_use_is_not_written_over(tmp_path):
    site = factories.write_site(tmp_path)
    new(site)
    before = (site / "secrets" / "dkim-masthead.pem").read_bytes()
    done = new(site)
    assert done.exit_code == 1
    assert "may be in use" in str(done.exception)
    assert (site / "secrets" / "dkim-masthead.pem").read_bytes() == before


@pytest.mark.parametrize("selector", ["../../escaped", "Upper", "two words", "a..b", "-" * 64, "x;y"])
def test_what_is_no_selector_makes_no_file(tmp_path, selector):
    site = factories.write_site(tmp_path / "site")
    before = sorted(tmp_path.rglob("*"))
    done = new(site, "--selector", selector)
    assert done.exit_code == 1
    assert "expected a DKIM selector" in str(done.exception)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_selector_whose_key_signs_already_is_not_given_to_another(tmp_path):
    site = factories.write_site(tmp_path, **{"mail.dkim": {"key": {"file": "old.pem"}}})
    done = new(site)
    assert done.exit_code == 1
    assert "--selector masthead-2" in str(done.exception)
    done = new(site, "--selector", "masthead-2")
    assert done.exit_code == 0
    assert "masthead-2._domainkey.slow.example." in done.output


def test_the_key_itself_is_not_printed(tmp_path):
    site = factories.write_site(tmp_path)
    done = new(site)
    assert "PRIVATE" not in done.output
