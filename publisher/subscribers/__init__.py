"""Subscribers: asking, choosing and leaving; notices, feedback, tracking; moving in and out."""
