"""Messages as bytes, and the ways they leave and come back."""
