"""Stage `study`: refuse a params.yaml that is not whole and consistent, before anything is made.

Every stage checks what it reads; this one checks the rest: unknown sections and names that refer to
nothing. Its output never changes, so that a legal change makes nothing else stale.
"""

from pathlib import Path

from stages.settings.references import broken_references
from stages.settings.sections import Sections, illegal_values
from stages.storage.errors import InputError
from stages.storage.launch import launch
from stages.storage.params import PARAMS, convert, load_tree
from stages.storage.results import write_json


def main() -> None:
    """Write that the study is legal, or say in which keys it is not."""
    check(PARAMS)
    write_json(Path("data/study/legal.json"), {"legal": True})


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


if __name__ == "__main__":
    launch(main)
