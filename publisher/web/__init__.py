"""The public site, the pages for subscribers, feeds, the operator's desk, and where providers report."""
