"""Every failure Masthead raises on purpose.

::

    MastheadError
    ├── SettingsError          publication.toml or the environment is wrong
    ├── SiteError              the site directory cannot be used (missing, unwritable, locked)
    │   └── SiteMoved          state/ was moved away under a running process
    ├── SourceError            one article cannot be read; the others go on
    │   └── HostileContent     it was refused at the door (size, nesting, encoding)
    ├── RenderError            a template failed; names file and line
    │   └── CompositionRefused the rendered edition failed a safety count or a limit
    ├── FeedError              a feed cannot be built
    ├── StoreError             the database cannot be opened or migrated
    │   ├── NewerDatabase      a newer Masthead made it
    │   └── StoreConflict      another transaction came first; nothing was written, try again
    ├── DeliveryError          a message did not leave
    ├── ChannelError           a post was not published
    │   ├── OutcomeUnknown     it may have been: read back before sending again
    │   ├── NotSent            it certainly was not, and may be tried again
    │   ├── RateLimited        wait until ``retry_at``
    │   └── CredentialsRefused the channel is paused until a person acts
    ├── BadAddress             an e-mail address that cannot be used
    └── RefusedAddress         an outbound request to an address that is not allowed

``permanent`` says whether trying again without a change can help: ``True`` means it cannot.
The message of each is one line made for a person and holds no secret.
"""

from __future__ import annotations

from datetime import datetime

#: The exit status of a process that starting again cannot help, for whoever would start it (EX_CONFIG).
HOPELESS = 78


class MastheadError(Exception):
    """Base of all expected failures; ``str(error)`` is one line for a person."""

    permanent: bool = True


class SettingsError(MastheadError):
    """A key or value in the settings is wrong; the message names key, value and what was expected."""


class SiteError(MastheadError):
    """The site directory cannot be used as it is."""


class SiteMoved(SiteError):
    """``state/`` is not where it was when this process began to use it; to go on would make an empty one."""


class SourceError(MastheadError):
    """One article cannot be read.

    ``path`` names the file, ``line`` (1-based) the place where known, ``reason`` what is wrong.
    """

    def __init__(self, reason: str, *, path: str = "", line: int | None = None) -> None:
        self.reason = reason
        self.path = path
        self.line = line
        where = path if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {reason}" if where else reason)


class HostileContent(SourceError):
    """An article was refused before it was parsed: too large, too deep, or not text."""


class RenderError(MastheadError):
    """A template could not be rendered; the message names the template and the line."""


class CompositionRefused(RenderError):
    """A composed edition failed a count that must hold, so none of it is sent."""


class FeedError(MastheadError):
    """A feed could not be built or written."""


class StoreError(MastheadError):
    """The database could not be opened, migrated or written."""


class NewerDatabase(StoreError):
    """A newer Masthead made the database; starting again does not help."""


class StoreConflict(StoreError):
    """Another transaction came first, and PostgreSQL gave this one up; nothing was written."""

    permanent = False


class DeliveryError(MastheadError):
    """A message was not accepted by its transport."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class ChannelError(MastheadError):
    """A channel refused a post for a reason that will not change by itself."""


class OutcomeUnknown(ChannelError):
    """The request may have been carried out although no answer came; never send again blindly."""

    permanent = False


class NotSent(ChannelError):
    """Nothing was carried out (no connection, or a step before the one that counts); try again later."""

    permanent = False


class RateLimited(ChannelError):
    """The platform asks to wait until ``retry_at`` (aware UTC)."""

    permanent = False

    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class CredentialsRefused(ChannelError):
    """The platform no longer accepts our credentials; the channel pauses until a person acts."""


class BadAddress(MastheadError):
    """An e-mail address that cannot be used; the message says why and does not repeat it."""


class RefusedAddress(MastheadError):
    """An outbound request would have reached an address that is not allowed (SSRF guard).

    ``address`` is what the host resolved to, where it was resolved.
    """

    def __init__(self, message: str, *, address: str = "") -> None:
        super().__init__(message)
        self.address = address
