"""Training curves, as DVCLive leaves them on disk."""

import csv
from pathlib import Path

from stages.runtime.errors import InputError

METRICS = ("loss", "accuracy", "learning_rate")
"""What a curve holds beside `step`; the accuracy is that on the training batches, a share."""


def read_curve(directory: Path) -> list[dict[str, float | int]]:
    """Return the points of a training curve; none for an encoder that was not trained here.

    Raises
    ------
    InputError
        A file is missing or damaged, or the metrics are not of the same steps.
    """
    if (directory / "ready.json").exists():
        return []
    columns = {metric: read_column(directory, metric) for metric in METRICS}
    steps = columns["loss"].keys()
    if any(column.keys() != steps for column in columns.values()):
        raise InputError(f"{directory}: its metrics are not of the same steps; train it again")
    return [{"step": step, **{m: columns[m][step] for m in METRICS}} for step in steps]


def read_column(directory: Path, metric: str) -> dict[int, float]:
    """Return one metric by step."""
    file = directory / "plots" / "metrics" / f"{metric}.tsv"
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            return {int(row["step"]): float(row[metric]) for row in rows}
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; `dvc repro` or `dvc pull` makes it") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: expected the columns step and {metric}, numbers in both, got "
            f"{type(error).__name__}: {error}; delete it, then `dvc checkout` or `dvc repro`"
        ) from None
