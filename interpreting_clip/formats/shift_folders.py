"""The output of stage `fetch_shifts`: a folder per shift of the study's own, and their names."""

from collections.abc import Sequence
from pathlib import Path

from interpreting_clip.formats.json import read_json, write_json

NAMES = "shifts.json"


def write_shift_names(directory: Path, names: Sequence[str]) -> None:
    """Write which shifts have a folder below `directory`."""
    write_json(directory / NAMES, list(names))


def read_shift_folders(directory: Path) -> dict[str, Path]:
    """Return the dataset folder of each of the study's own shifts."""
    return {name: directory / name for name in read_json(directory / NAMES)}
