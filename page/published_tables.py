"""The tables of the published models' charts: `plots/published.csv`, and one only on the page."""

from math import nan

import numpy as np
import pandas as pd

from interpreting_clip.charts.scatter import DRAWN_RANGE
from interpreting_clip.charts.series import standard_line_rows
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import START
from interpreting_clip.statistics.logit_line import LogitLine
from page.names import TESTBED_SHIFTS

STANDARD = "standard models"
"""The name, in the chart of published models, of the models that the line is fitted to."""

PUBLISHED_COLUMNS = (
    *("kind", "label", "training", "architecture", "data", "shift", "imagenet", "accuracy"),
    *("baseline", "effective_robustness", "extrapolated"),
    *("mean_all", "mean_without_objectnet", "mean_text"),
)
"""Columns of `plots/published.csv`.

`kind` is `standard`, `line`, `extrapolated` or `encoder`, as in the study's table, the last for a
published model. Accuracies are in percent, effective robustness on the straight line and its means
are in points; `extrapolated` is ‡ if the line is extrapolated to a model.
"""

PUBLISHED_FRAME = {"imagenet": (25.0, 91.0), "accuracy": (0.5, 97.5)}
"""What the chart of published models shows, in percent: tiny models would shrink the rest."""


def default_lines(lines: pd.DataFrame) -> dict[str, LogitLine]:
    """Return the straight line of each shift."""
    default = lines[lines["choice"] == DEFAULT].set_index("shift")
    columns = ["slope", "intercept", "r_squared", "models", "lowest_imagenet", "highest_imagenet"]
    return {
        str(shift): LogitLine(slope, intercept, r_squared, int(models), low / 100, high / 100)
        for shift, slope, intercept, r_squared, models, low, high in default[columns].itertuples()
    }


def published_table(
    standard: pd.DataFrame, models: pd.DataFrame, lines: pd.DataFrame
) -> pd.DataFrame:
    """Return accuracy against ImageNet accuracy, per shift: standard models, line and models.

    `models` have their robustness on straight lines.
    """
    standard = standard.assign(kind="standard", label=standard["name"], training=STANDARD)
    # The first sources are drawn last, on top of the others.
    listed = models[models["listed"]].iloc[::-1]
    listed = listed.assign(kind="encoder", training=listed["how"])
    default = default_lines(lines)
    parts = []
    # In the order of the testbed: Vega-Lite sorts the titles of a facet, but not its panels.
    for shift, name in TESTBED_SHIFTS.items():
        line = default[shift]
        known = standard.dropna(subset=["imagenet", shift])
        measured = listed.dropna(subset=[shift])
        imagenet = measured["imagenet"].clip(*DRAWN_RANGE).to_numpy() / 100
        measured = measured.assign(
            baseline=100 * line.predict(imagenet),
            effective_robustness=measured[f"robustness_{shift}"],
            extrapolated=measured[f"mark_{shift}"],
        )
        ends = [*known["imagenet"], *measured["imagenet"]]
        drawn = pd.DataFrame(standard_line_rows(name, line, ends))
        points = [models.assign(shift=name, accuracy=models[shift]) for models in (known, measured)]
        parts += [points[0], drawn, points[1]]
    return pd.concat(parts, ignore_index=True)[list(PUBLISHED_COLUMNS)]


AUGMENTATIONS = ("without augmentation", "RandAugment")
"""Whether there was a setting counts, as in the regression: also one of no operations."""


def finetuning_table(models: pd.DataFrame) -> pd.DataFrame:
    """Return the finetuned models whose learning rate is known, and the model they start from."""
    tuned = models[(models["training"] == "finetuned") & (models["learning_rate"] != "")]
    tuned = tuned.assign(
        kind="model",
        learning_rate=tuned["learning_rate"].astype(float),
        epochs=tuned["epochs"].replace("", "0").astype(float),
        augmentation=np.where(tuned["augmentation"] == "", *AUGMENTATIONS),
    )
    start = models[models["name"] == START].assign(kind="start", learning_rate=nan, epochs=nan)
    columns = ["kind", "label", "learning_rate", "epochs", "augmentation", "mean_all", "text_all"]
    return pd.concat([tuned, start])[columns]
