"""The numbers of a measure on disk: `numbers.json`, which says what each of them is."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.measures.result import numbers

NUMBERS = "numbers.json"


def write_numbers(
    directory: Path, *results: Any, by_subject: Mapping[str, Any] | None = None
) -> None:
    """Write the numbers of the `Result` of a measure, or of several that share a stage.

    `by_subject` has results of one type, each of another subject, such as a shift: its name is
    added to theirs, to their labels and to the names of their columns.

    Raises
    ------
    InputError
        One is NaN or infinite; names it.
    """
    found = [one for result in results for one in numbers(result)]
    found += [
        replace(
            one,
            name=f"{one.name}_{subject}",
            label=f"{one.label} {subject}",
            headline=one.headline and f"{one.headline}_{subject}",
        )
        for subject, result in (by_subject or {}).items()
        for one in numbers(result)
    ]
    write_json(directory / NUMBERS, {one.name: asdict(one) for one in found})


def read_numbers(directory: Path) -> dict[str, dict[str, Any]]:
    """Return what `write_numbers` wrote, by name; nothing if the folder has no numbers."""
    return read_json(directory / NUMBERS) if (directory / NUMBERS).exists() else {}
