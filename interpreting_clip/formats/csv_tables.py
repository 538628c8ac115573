"""Tables as CSV, and the training curves that DVCLive writes: read and written whole."""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.json import DIGITS, rounded, write_whole

if TYPE_CHECKING:
    import pandas as pd

# pandas takes 0.4 s to import, and most stages that import this module read no table.

CURVE_COLUMNS = ("loss", "accuracy", "learning_rate")
"""The columns of a training curve besides `step`; accuracy is a share of the training batches."""


def write_table(file: Path, table: "pd.DataFrame", columns: Sequence[str]) -> None:
    """Write columns of a table as CSV, in this order; floats have the JSON results' decimals.

    A missing value is an empty cell, as is a column that the table lacks. A column of integers with
    gaps has to be of type `Int64`, or its integers would be written as floats.
    """
    table = table.reindex(columns=list(columns)).infer_objects()
    with error_context(file):
        for name, values in table.select_dtypes("float").items():
            rounded(values.dropna().to_numpy(), DIGITS, str(name))
    # Adding 0 makes 0 of -0, which rounding leaves of a small negative number.
    floats = {str(name): table[name].round(DIGITS) + 0.0 for name in table.select_dtypes("float")}
    write_whole(file, table.assign(**floats).to_csv(index=False).encode())


def read_table(
    file: Path, columns: Collection[str], numbers: Collection[str] = (), delimiter: str = ","
) -> "pd.DataFrame":
    """Read a table that has at least `columns`, as text but for `numbers`.

    An empty cell is an empty text, and NaN among `numbers`. Models may be called "None" or "NA".

    Parameters
    ----------
    file : CSV in UTF-8
    columns : that it has to have
    numbers : columns of numbers, some of them optional
    delimiter : between cells
    """
    import pandas as pd

    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream, delimiter=delimiter, strict=True) if line]
    except FileNotFoundError:
        raise InputError(
            f"{file}: no such file; in a study, `dvc repro`, `dvc pull` or `git restore` makes it"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: expected a table in UTF-8, got {error}") from None
    names, *rows = lines or [[]]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{file}: expected each column once, got {twice[0]!r} twice")
    # pandas would fill a short row, of a file that was cut off, with empty cells.
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise InputError(
                f"{file}: row {number}: expected {len(names)} cells, got {len(row)}; if a study's "
                "file is damaged, delete it: `dvc repro`, `dvc pull` or `git restore` makes it"
            )
    table = pd.DataFrame(rows, columns=names, dtype=str)
    if missing := [c for c in columns if c not in table]:
        raise InputError(f"{file}: expected the columns {', '.join(columns)}; missing: {missing}")
    for name in [name for name in numbers if name in table]:
        values = pd.to_numeric(table[name], errors="coerce").astype(float)
        wrong = (table[name] != "") & ~np.isfinite(values)
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise InputError(
                f"{file}: row {row + 1}: `{name}`: expected a number, got {table[name][row]!r}"
            )
        table[name] = values
    return table


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows of a table, with None for a missing value."""
    rows: list[Any] = table.astype(object).where(table.notna(), None).to_dict("records")
    return rows


def read_curve(directory: Path) -> list[dict[str, float | int]]:
    """Return the points of a training curve; none for an encoder that was not trained here."""
    if (directory / "ready.json").exists():
        return []
    # Without pandas: its import takes longer than the rest of stage `summarize`.
    points: dict[int, dict[str, float | int]] = {}
    for metric in CURVE_COLUMNS:
        file = directory / "plots" / "metrics" / f"{metric}.tsv"
        with error_context(file, ValueError), file.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                step = int(row["step"])
                points.setdefault(step, {"step": step})[metric] = float(row[metric])
    return [points[step] for step in sorted(points)]


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """Loss and accuracy in percent of the training batches up to one optimiser step."""

    step: int
    loss: float
    accuracy: float
    learning_rate: float
