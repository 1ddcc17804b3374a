"""The one exception whose message is meant for the person at the page or the command line."""


class UserError(ValueError):
    """Bad input: the message is one plain sentence that says what is wrong and what to do."""
