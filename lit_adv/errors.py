"""The one exception for mistakes in what the user gave."""


class InputError(Exception):
    """Bad input: the message is one line that says what is wrong, where, and what to do.

    The command line prints it and exits with code 2.
    """


class AlreadyDone(Exception):
    """The run asked for is finished already; the command line says so and exits with code 0."""
