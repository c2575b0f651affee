"""Feeds over HTTP: public, private, and the address of our WebSub hub."""
