"""The kinds of preference; :mod:`publisher.subscribers.wishes` declares which preferences there are."""
