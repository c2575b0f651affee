"""``python -m publisher.cli`` is ``masthead``."""

from publisher.cli import main

main()
