"""What the settings name, looked up in the families: a wrong kind or option is found when a site is opened.

A module of its own, because it loads every family; a command that only looks at rows opens its site without it.
"""

from __future__ import annotations

from feeds.formats import check_formats
from publisher.articles.sources import check_sources
from publisher.channels.share_links import check_targets
from publisher.mail.check import check_mail
from publisher.posting import check_channels
from publisher.settings import Settings


def check_members(settings: Settings) -> None:
    """Look up every source, format, share link, channel, transport and mailbox that is named.

    :raises SettingsError: one line that names the key, its value and what was expected.
    """
    check_targets(settings.publication.share_targets)
    check_formats(settings.feed, settings.feeds)
    check_sources(settings.sources, settings.directory, settings.publication)
    check_channels(settings)
    check_mail(settings)
