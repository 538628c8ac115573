"""Tables as text, read and written whole: CSV, and the training curves that DVCLive writes."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.json import rounded, write_whole

CURVE_COLUMNS = ("loss", "accuracy", "learning_rate")
"""The columns of a training curve beside `step`; accuracy is a share of the training batches."""


def write_table(file: Path, rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Write rows as CSV with a header; floats are rounded as in the JSON results."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    with error_context(file):
        writer.writerows({k: rounded(v, 6, k) for k, v in row.items()} for row in rows)
    write_whole(file, text.getvalue().encode())


def read_table(file: Path, columns: Sequence[str], delimiter: str = ",") -> list[dict[str, str]]:
    """Read a table that has at least `columns`.

    Raises
    ------
    InputError
        The file is missing, is not a table in UTF-8, lacks a column or has a row of another length.
    """
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter)
            names, rows = reader.fieldnames or (), list(reader)
    except FileNotFoundError:
        raise InputError(
            f"{file}: no such file; `dvc repro` or `dvc pull` makes it, or `git restore`"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{file}: expected a table in UTF-8, got {error}; delete it, then `dvc repro`, `dvc "
            "pull` or `git restore` makes it"
        ) from None
    if missing := [c for c in columns if c not in names]:
        raise InputError(f"{file}: expected the columns {', '.join(columns)}; missing: {missing}")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise InputError(
                f"{file}: row {number}: expected a cell for each of {len(names)} columns"
            )
    return rows


def read_curve(directory: Path) -> list[dict[str, float | int]]:
    """Return the points of a training curve; none for an encoder that was not trained here.

    Raises
    ------
    InputError
        A file is missing or damaged, or the metrics have different steps.
    """
    if (directory / "ready.json").exists():
        return []
    curves = {}
    for metric in CURVE_COLUMNS:
        file = directory / "plots" / "metrics" / f"{metric}.tsv"
        rows = read_table(file, (), delimiter="\t")
        try:
            curves[metric] = {int(row["step"]): float(row[metric]) for row in rows}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{file}: expected the columns step and {metric}, numbers in both, got "
                f"{type(error).__name__}: {error}; delete it, then `dvc checkout` or `dvc repro`"
            ) from None
    steps = curves["loss"]
    if any(curve.keys() != steps.keys() for curve in curves.values()):
        raise InputError(f"{directory}: its metrics are not of the same steps; train it again")
    return [{"step": step, **{m: curves[m][step] for m in CURVE_COLUMNS}} for step in steps]
