"""The pages for subscribers: subscribe, preferences, unsubscribe, counted links."""
