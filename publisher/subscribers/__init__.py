"""Subscribers: asking, choosing and leaving; notices, feedback, tracking; import and export."""
