"""The use cases, in the order of the flow.

::

    open_site ─→ join_audience ─→ collect ─→ plan_editions ─→ freeze_due ─→ drain
                                        └→ feeds, queued posts ─→ posting.send_due, websub.fan_out_due
    send_notices, read_reports                                       subscribers: our own mails, and what comes back

``publish`` runs them once in the foreground; the worker's tick runs each when it is due. Every one of them may
be run at any moment, by several processes, and killed anywhere: what is due is a row, and a row that was dealt
with says so.

A use case is imported from its own module, so that a command loads what it needs and no more.
"""
