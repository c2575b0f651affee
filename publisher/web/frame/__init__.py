"""What every page has: its frame, headers, limits, forms, problems; no page of its own."""
