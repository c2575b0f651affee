"""WebSub: our own hub, and the hubs of others."""
