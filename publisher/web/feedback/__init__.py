"""Where mail providers report."""
