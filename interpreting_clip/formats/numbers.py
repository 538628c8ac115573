"""The numbers of a measure on disk: `numbers.json`, which says what each of them is."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.measures.result import numbers

NUMBERS = "numbers.json"


def write_numbers(directory: Path, result: Any) -> None:
    """Write the numbers of a measure's `Result`.

    Raises
    ------
    InputError
        One is NaN or infinite; names it.
    """
    write_json(directory / NUMBERS, {one.name: asdict(one) for one in numbers(result)})


def read_numbers(directory: Path) -> dict[str, dict[str, Any]]:
    """Return what `write_numbers` wrote, by name; nothing if the folder has no numbers."""
    return read_json(directory / NUMBERS) if (directory / NUMBERS).exists() else {}
