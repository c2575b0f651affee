"""Feeds over HTTP: public, private, and the door of our WebSub hub."""
