"""Importing and exporting subscribers: CSV and JSON, ours and other programs'.

::

    file ─→ columns.recognise ─→ rows ─→ Incoming | BadRow ─→ temporary table ─→ set-based statements ─→ Report
    store ─→ rows ─→ CSV | JSON

An import adds those who are not there, fills in what was empty, takes over unsubscriptions and suppressions,
and never undoes one of ours. Run again, it changes nothing. A row that cannot be used is set aside with its line
and the reason; the others go on.
"""

from publisher.subscribers.interchange.exporting import Kind, export_subscribers, export_suppressions
from publisher.subscribers.interchange.importing import Report, import_file

__all__ = ["Kind", "Report", "export_subscribers", "export_suppressions", "import_file"]
