"""CSV tables, read and written whole."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from stages.files.json import rounded, write_whole
from stages.runtime.errors import InputError


def write_table(file: Path, rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Write rows as CSV with a header; floats are rounded as in the JSON results."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: rounded(v, 6, f"{file.name}.{k}") for k, v in row.items()} for row in rows)
    write_whole(file, text.getvalue().encode())


def read_table(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV file that has at least `columns`.

    Raises
    ------
    InputError
        The file is missing or lacks a column.
    """
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    missing = [c for c in columns if c not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{file}: expected the columns {', '.join(columns)}; missing: {missing}")
    return rows
