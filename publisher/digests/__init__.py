"""Digests: whose digest holds what, composed into messages, and looked at before it goes."""
