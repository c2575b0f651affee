"""The public site, the operator's desk and the API."""
