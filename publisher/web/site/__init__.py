"""The public pages: articles, lists, editions, files, robots."""
