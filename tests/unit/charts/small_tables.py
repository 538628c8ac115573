"""Small tables of all charts, and what a picture of one holds."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from interpreting_clip.charts.panels import PanelChart
from page.drawings import panel_drawing
from page.published_charts import TRAINING_LOOKS

SAME: dict[str, Any] = {
    **{"label": "a", "head": "head", "basis": "directions"},
    **{"representation": "linear", "shift": "ImageNet-R", "text": "3 [2, 5]", "limit": 0.8},
    **{"low": 2, "high": 5, "null": 3, "random": None},
    **{"null_low": -1, "null_high": 0, "random_low": None, "random_high": 6, "reference": 8},
    # of published models
    **{"over": "all shifts", "data": "LAION-2B", "extrapolated": "", "said": "greedy"},
    **{"imagenet": 60, "accuracy": 50, "baseline": 45, "effective_robustness": 5, "mean_all": 5},
    **{"learning_rate": 1e-5, "epochs": 8, "samples": 13, "gmacs": 1e12},
    **{"group": "RN", "augmentation": "RandAugment"},
}
"""What all rows have in common in columns that a table is not given."""

ENCODERS = {
    "number": [1, 2, 3],
    "label": ["a", "b", "c"],
    "training": ["zero-shot", "supervised", "finetuned"],
    "backbone": ["rn", "rn", "vit"],
}
"""All in one place of each chart, so that their numbers could meet."""


def rows(*parts: Mapping[str, Sequence[Any]], **columns: Any) -> pd.DataFrame:
    """Return every combination of the rows of some tables, with further columns and `SAME`."""
    table, *others = map(pd.DataFrame, parts)
    for other in others:
        table = table.merge(other, how="cross")
    return table.assign(**{k: v for k, v in SAME.items() if k not in table} | columns)


def models(*kinds: str, **columns: Any) -> pd.DataFrame:
    """Return published models of each kind, one for each kind of training."""
    return rows({"kind": kinds}, {"training": [*TRAINING_LOOKS]}, **columns)


def line(start: float) -> pd.DataFrame:
    """Return the line of standard models from an ImageNet accuracy."""
    return rows({"imagenet": [start, 80], "accuracy": [0.2, 70]}, kind="line", label="baseline")


def similarities(layers: int) -> pd.DataFrame:
    """Return the similarity of two encoders' layers, which is 1 on the diagonal."""
    names = [f"layer {i}" for i in range(layers)]
    first = {"first_index": range(layers), "first_layer": names}
    second = {"second_index": range(layers), "second_layer": names}
    table = rows(first, second, first_label="a", second_label="b")
    apart = (table["first_index"] - table["second_index"]).abs()
    return table.assign(cka=1 / (1 + apart))


HEADS = {"head": ["head", "random head"]}
IMPORTANCES = rows(
    *(ENCODERS, HEADS),
    {"rank": [1, 2, 3], "importance": [0.8, 0.4, 0.1], "share": [1, 0.5, 0.125]},
)
PRUNINGS = rows(
    *(ENCODERS, HEADS, {"dataset": ["ImageNet", "the shifts, mean", "ImageNet-R"]}),
    {"fraction": [0, 0.5, 0.9], "accuracy": [80, 60, 20]},
)
SWEEPS = rows(ENCODERS, {"threshold": [0.6, 0.7, 0.8], "unique": [8, 6, 4]})
TRAININGS = rows(ENCODERS, {"step": [1, 2, 3], "loss": [3, 2, 1]})
PROFILES = rows(
    {"label": ["a", "b"]}, {"feature": [0, 1, 2], "z": [0.1, -0.2, 3]}, image="one", features=3
)
KURTOSES = rows(ENCODERS, kurtosis=5, low=[None, 2, 2], high=[None, 6, 6], null=[None, 3, 3])
CONCEPT_COUNTS = rows(
    {"number": [1, 2], "label": ["a", "b"]},
    {"basis": ["directions", "features"]},
    {"category": ["all", "object", "color"], "unique": [3, 2, 1]},
    training="zero-shot",
)
SHIFTS = {"shift": ["ImageNet-R", "ImageNet-A"]}
KINDS_OF_LINES = {"kind": ["line", "extrapolated"]}
ACCURACIES = pd.concat(
    [
        rows(SHIFTS, {"imagenet": [30, 60, 100], "accuracy": [20, 50, 90]}, kind="standard"),
        rows(SHIFTS, KINDS_OF_LINES, {"imagenet": [30, 60], "accuracy": [25, 55]}),
        rows(SHIFTS, ENCODERS, kind="encoder"),
    ]
)

PUBLISHED_MODELS = pd.concat([line(30), models("encoder", "standard")])


def panels(chart: PanelChart, table: pd.DataFrame) -> dict[str, str]:
    """Return the picture of each panel of a page by its title."""
    return panel_drawing(chart, table).panels


def marks(svg: str, kind: str) -> list[str]:
    """Return the outlines of a kind of marks, which Vega calls `symbol` or `rect`."""
    layers = re.findall(rf'<g class="mark-{kind} role-mark[^>]*>(.*?)</g>', svg)
    return re.findall("<path [^>]*>", "".join(layers))
