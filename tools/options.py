"""The command line of a tool, with errors of one line like those of stages."""

import argparse
from typing import NoReturn

from interpreting_clip.errors import one_line


class Options(argparse.ArgumentParser):
    """A parser of options whose errors are one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and exit with 2."""
        self.exit(2, f"error: {one_line(message)}; see `{self.prog} --help`\n")
