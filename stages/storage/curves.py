"""Training curves, as DVCLive leaves them on disk."""

import csv
from pathlib import Path

from stages.storage.errors import InputError

METRICS = ("loss", "accuracy", "learning_rate")
"""What a curve holds beside `step`; the accuracy is that on the training batches, a share."""


def read_curve(directory: Path) -> list[dict[str, float]]:
    """Return the points of a training curve; none for an encoder that was not trained here.

    Raises
    ------
    InputError
        The folder is missing, or its metrics are not of the same steps.
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
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; `dvc repro` or `dvc pull` makes it") from None
    return {int(row["step"]): float(row[metric]) for row in rows}
