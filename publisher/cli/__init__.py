"""``masthead``: the use cases of :mod:`publisher.pipeline`, by hand.

One module a family of commands, loaded when one of them is called; :data:`publisher.cli.main.COMMANDS` lists them.
A failure that is expected is one line on standard error and exit status 1; 2 is a wrong command line.
"""

from publisher.cli.main import app, main

__all__ = ["app", "main"]
