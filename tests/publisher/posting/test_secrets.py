"""No secret leaves through a log, an error, a report or a dry run."""

from __future__ import annotations

import logging
from typing import Any

from publisher import posting
from publisher.channels import open_channel
from publisher.errors import ChannelError
from publisher.store import channels as channel_rows
from publisher.store import posts
from tests.fakes import FAKES
from tests.publisher.posting.conftest import article, png


def test_no_secret_is_in_any_log_error_report_row_or_dry_run(site_of: Any, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    site = site_of(*FAKES.values(), **{name: {"images": True} for name in FAKES})
    seen: list[str] = []
    faults = ["lost", "error_after", "rate_limit", "cut"]
    for number in range(1, 6):
        site.queue(*[article(n) for n in range(1, number + 1)])
        for fake in site.fakes.values():
            fake.faults[:] = faults[number - 1 : number]
            fake.dead = number == 5
        seen.append(repr(site.send(fetch=lambda url: png(32, 32))))
        site.clock.advance(4000)
        seen.append(repr(site.send(fetch=lambda url: png(32, 32))))
    for name, fake in site.fakes.items():
        table = next(table for table in site.settings.channels if table.name == name)
        channel = open_channel(table)
        seen += [repr(table), repr(channel), repr(vars(channel.vault).keys())]
        seen.append(posting.dry_run(article(), *site.known(name), site.settings, site.clock()).decode())
        try:
            seen.append(posting.try_channel(site.store, site.settings, name, clock=site.clock))
        except ChannelError as error:
            seen += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        fake.base = "http://127.0.0.1:9"
    site.settle(rounds=1)
    with site.store.read() as tx:
        seen += [repr(row) for row in posts.newest(tx, 1000)]
        seen += [f"{row.name} {row.reason}" for row in channel_rows.every(tx)]
    everything = "\n".join([*seen, caplog.text, *[repr(record.args) for record in caplog.records]])
    assert len(everything) > 50_000
    secrets = {value for fake in site.fakes.values() for value in (*fake.environment().values(), fake.token)}
    secrets |= {"access-s3cret", "eyJ-s3cret", "sig-s3cret", "s3cret"}
    assert [secret for secret in secrets if secret in everything] == []
