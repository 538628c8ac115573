"""A study as a whole: every section legal, and every name in it known."""

from pathlib import Path

from stages.settings.references import broken_references
from stages.settings.sections import Sections, illegal_values
from stages.storage.errors import InputError
from stages.storage.params import convert, load_tree


def check(file: Path) -> Sections:
    """Return a study's parameters, all of them legal.

    Raises
    ------
    InputError
        Names each key that is not legal and the legal values.
    """
    tree = load_tree(file)
    if broken := list(illegal_values(tree, file)):
        raise InputError("\n       ".join(broken))
    study = convert(tree, Sections, "", file)
    if broken := list(broken_references(study)):
        raise InputError("\n       ".join(f"{file}: {complaint}" for complaint in broken))
    return study
