"""Add a measure's section to all studies of the repository; a new measure needs this once."""

import argparse
import re
import sys
from pathlib import Path

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.formats.json import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("name", metavar="SECTION", help="a section of params.yaml")


def main(name: str) -> None:
    """Copy the section, comments included, into the studies that lack it, and name them."""
    found = re.search(
        rf"^{re.escape(name)}:.*\n(?:[ \t-].*\n)*", f"{PARAMS.read_text()}\n", re.MULTILINE
    )
    if not found:
        known = list(load_tree(PARAMS))
        raise InputError(f"{PARAMS}: has no section '{name}'; {close_names(name, known)}")
    for file in sorted([*Path().glob("studies/*.yaml"), *Path().glob("tests/pipeline/*.yaml")]):
        if name not in load_tree(file):
            write_whole(file, f"{file.read_text().rstrip()}\n\n{found[0]}".encode())
            sys.stdout.write(f"{file}: added {name}\n")
