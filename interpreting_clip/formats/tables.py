"""Tables as CSV, and the training curves that DVCLive writes: read and written whole."""

import io
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.json import DIGITS, rounded, write_whole

if TYPE_CHECKING:
    import pandas as pd

# pandas takes 0.4 s to import, and most stages that import this module read no table.

CURVE_COLUMNS = ("loss", "accuracy", "learning_rate")
"""The columns of a training curve beside `step`; accuracy is a share of the training batches."""


def write_table(file: Path, table: "pd.DataFrame", columns: Sequence[str]) -> None:
    """Write columns of a table as CSV, in this order; floats are rounded as in the JSON results.

    A missing value is an empty cell, as is a column that the table lacks. A column of integers with
    gaps has to be of type `Int64`, or its integers would be written as floats.

    Raises
    ------
    InputError
        A number is infinite.
    """
    table = table.reindex(columns=list(columns))
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
    columns : those that it has to have
    numbers : columns of numbers, of which some may be lacking
    delimiter : between cells

    Raises
    ------
    InputError
        The file is missing, is cut off, is not a table in UTF-8, lacks a column, has a row that is
        too long, or a cell that should be a number and is none; names the row, counted from 1.
    """
    import pandas as pd

    try:
        content = file.read_bytes()
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            table = pd.read_csv(
                io.BytesIO(content),
                sep=delimiter,
                dtype=str,
                keep_default_na=False,
                index_col=False,
            )
    except FileNotFoundError:
        raise InputError(
            f"{file}: no such file; `dvc repro` or `dvc pull` makes it, or `git restore`"
        ) from None
    except (ValueError, pd.errors.ParserWarning) as error:  # pandas' own errors are ValueErrors
        raise InputError(
            f"{file}: expected a table in UTF-8, with as many cells in each row as in the first, "
            f"got {error}; delete it, then `dvc repro`, `dvc pull` or `git restore` makes it"
        ) from None
    if not content.endswith(b"\n"):
        raise InputError(
            f"{file}: expected a newline at its end, got none, so it may be cut off; add one if it "
            "is whole, or else delete it: `dvc repro`, `dvc pull` or `git restore` makes it"
        )
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


def read_curve(directory: Path) -> list[dict[str, float | int]]:
    """Return the points of a training curve; none for an encoder that was not trained here.

    Raises
    ------
    InputError
        A file is missing or damaged, or the metrics have different steps.
    """
    if (directory / "ready.json").exists():
        return []
    import pandas as pd

    curves = []
    for metric in CURVE_COLUMNS:
        file = directory / "plots" / "metrics" / f"{metric}.tsv"
        columns = ("step", metric)
        table = read_table(file, columns, numbers=columns, delimiter="\t")[list(columns)]
        if table.isna().any(axis=None):
            raise InputError(
                f"{file}: expected numbers in both columns, got an empty cell; delete it, then "
                "`dvc checkout` or `dvc repro`"
            )
        curves.append(table.set_index("step"))
    if any(not one.index.equals(curves[0].index) for one in curves):
        raise InputError(f"{directory}: its metrics are not of the same steps; train it again")
    joined = pd.concat(curves, axis=1)
    return [
        {"step": int(step), **row}
        for step, row in zip(joined.index, joined.to_dict("records"), strict=True)
    ]
