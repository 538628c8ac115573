"""A study as a whole: every section legal, and every name in it known."""

from collections.abc import Iterator
from pathlib import Path

from stages.settings.references import broken_references
from stages.settings.sections import Sections, illegal_values
from stages.settings.syntax import illegal_scalars, illegal_syntax
from stages.storage.errors import InputError
from stages.storage.params import convert, load_tree, read_text


def check(file: Path) -> Sections:
    """Return a study's parameters, all of them legal.

    Raises
    ------
    InputError
        Names each key that is not legal and the legal values, in a line of its own.
    """
    refuse(illegal_syntax(read_text(file), file))
    tree = load_tree(file)
    refuse(illegal_scalars(tree, file))
    refuse(illegal_values(tree, file))
    study = convert(tree, Sections, "", file)
    refuse(f"{file}: {complaint}" for complaint in broken_references(study))
    return study


def refuse(complaints: Iterator[str]) -> None:
    """Refuse a study that there are complaints about."""
    if lines := list(complaints):
        raise InputError("\n       ".join(lines))
