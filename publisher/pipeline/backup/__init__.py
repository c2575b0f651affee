"""A site in one file, and back: made while it sends, restored without sending anything again.

::

    making     one snapshot of the database, the journals, the configuration ─→ FILE
    files      FILE itself: a tar with a manifest; checked as a whole before anything is believed
    restoring  FILE ─→ a site, everything unsent held back (publisher.pipeline.waiting)
    letting_go what is held, named; a person sends it or counts it as sent
"""
