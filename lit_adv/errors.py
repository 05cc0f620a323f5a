"""Exceptions that the command line turns into one line."""


class InputError(ValueError):
    """Bad input: one line that says what is wrong, where, and what to do.

    The command line prints it and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class AlreadyDone(Exception):
    """The run asked for is finished already; the command line says so and exits with code 0."""
