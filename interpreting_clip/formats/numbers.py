"""The numbers of a measure on disk: `numbers.json`, which says what each of them is."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.measures.result import numbers

NUMBERS = "numbers.json"


def write_numbers(directory: Path, *results: Any) -> None:
    """Write the numbers of the `Result` of a measure, or of several that share a stage.

    Raises
    ------
    InputError
        One is NaN or infinite; names it.
    """
    found = {one.name: asdict(one) for result in results for one in numbers(result)}
    write_json(directory / NUMBERS, found)


def read_numbers(directory: Path) -> dict[str, dict[str, Any]]:
    """Return what `write_numbers` wrote, by name; nothing if the folder has no numbers."""
    return read_json(directory / NUMBERS) if (directory / NUMBERS).exists() else {}
