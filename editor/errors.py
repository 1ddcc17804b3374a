"""The one exception whose message is meant for the person at the page or the command line."""

from __future__ import annotations

from collections.abc import Callable


class UserError(ValueError):
    """Bad input: the message is one plain sentence that says what is wrong and what to do."""


def run_command(command: Callable[[], object]) -> None:
    """Run a command line: a `UserError` is its sentence on standard error and exit code 1, no traceback."""
    try:
        command()
    except UserError as error:
        raise SystemExit(str(error)) from None
