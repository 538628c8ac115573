"""The one exception that means: the user's input is wrong, and here is what to do."""


class InputError(Exception):
    """Bad input, explained: what was expected, what came and what to do about it.

    `stages.storage.launch.launch` prints its message without a traceback and exits with 1, so the
    message has to stand alone: name the file or the key first.
    """
