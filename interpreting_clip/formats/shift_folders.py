"""The output of stage `fetch_shifts`: a folder per shift of the study's own, and their names."""

from collections.abc import Sequence
from pathlib import Path

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json

NAMES = "shifts.json"


def write_shift_names(directory: Path, names: Sequence[str]) -> None:
    """Write which shifts have a folder below `directory`."""
    write_json(directory / NAMES, list(names))


def read_shift_folders(directory: Path) -> dict[str, Path]:
    """Return the dataset folder of each of the study's own shifts.

    Raises
    ------
    InputError
        The list is missing or damaged.
    """
    names = read_json(directory / NAMES)
    if not isinstance(names, list):
        raise InputError(
            f"{directory / NAMES}: expected a list of names, got {type(names).__name__}; run "
            "`dvc repro fetch_shifts` again"
        )
    return {str(name): directory / str(name) for name in names}
