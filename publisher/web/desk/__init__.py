"""The operator's desk: what was published, what became of it, and the metrics."""
