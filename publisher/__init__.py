"""Masthead: an article goes in once; feeds, digests and posts come out."""

__version__ = "0.1.0"
