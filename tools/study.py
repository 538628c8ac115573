"""Add a measure's section to all studies of the repository.

    python -m tools.study --add participation_ratio

Copies the section, comments included, from params.yaml into every study in studies/ and in
tests/pipeline/ that lacks it. A new measure needs this once.
"""

import argparse
import re
import sys
from pathlib import Path

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.formats.json import write_whole
from runner.process import launch

STUDIES = ("studies/*.yaml", "tests/pipeline/*.yaml")


def main(*arguments: str) -> None:
    """Add the section to the studies that lack it, and name them."""
    parser = argparse.ArgumentParser(prog="python -m tools.study", description=__doc__)
    parser.add_argument("--add", required=True, metavar="SECTION")
    name = parser.parse_args(arguments).add
    section = read_section(PARAMS, name)
    for file in sorted(file for pattern in STUDIES for file in Path().glob(pattern)):
        if name not in load_tree(file):
            text = file.read_text("utf-8").rstrip("\n")
            write_whole(file, f"{text}\n\n{section}".encode())
            sys.stdout.write(f"{file}: added {name}\n")


def read_section(file: Path, name: str) -> str:
    """Return the text of a section: its first line and those that are indented below it.

    Raises
    ------
    InputError
        The file has no such section.
    """
    text = file.read_text("utf-8")
    found = re.search(rf"^{re.escape(name)}:.*\n(?:[ \t-].*\n)*", f"{text}\n", re.MULTILINE)
    if not found:
        known = list(load_tree(file))
        raise InputError(f"{file}: has no section '{name}'; {close_names(name, known)}")
    return found[0]


if __name__ == "__main__":
    launch(main)
