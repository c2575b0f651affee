"""``[feedback]``: where bounces, complaints and requests to unsubscribe come back to."""

from __future__ import annotations

from pydantic import Field

from publisher.settings.base import FamilyTable, Name


class FeedbackSettings(FamilyTable):
    """The other keys are the mailbox's own; ``[feedback.<provider>]`` is the table of a provider's webhook."""

    mailbox: Name = Field(
        default="off",
        description="Where reports are read from: a file name of publisher/mail/feedback/mailboxes, or off.",
    )
    complaints_to: tuple[str, ...] = Field(
        default=(),
        description="Addresses of yours that feedback loops were registered with and nobody else knows; only a "
        "complaint (ARF) that comes to one of them suppresses.",
    )
    warn_complaints: float = Field(
        default=0.001, gt=0, lt=1, description="Complaints ÷ delivered of an edition at which the desk warns."
    )
    stop_complaints: float = Field(
        default=0.003, gt=0, lt=1, description="Complaints ÷ delivered of an edition at which its sending pauses."
    )
