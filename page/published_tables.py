"""The tables of the published models' charts, `plots/published.csv` and those only on the page."""

from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd

from interpreting_clip.charts.scatter import DRAWN_RANGE
from interpreting_clip.charts.series import standard_line_rows
from interpreting_clip.formats.result import Estimate
from interpreting_clip.published.line_choices import CURVED, DEFAULT
from interpreting_clip.published.schema import START, PublishedModels
from interpreting_clip.statistics.logit_line import LogitLine
from page.names import TESTBED_SHIFTS
from page.published_results import PUBLISHED_TRAININGS, limit_at
from page.verdicts import Case

STANDARD = "standard models"
"""The name, in the chart of published models, of the models that the line is fitted to."""

PUBLISHED_COLUMNS = (
    *("kind", "label", "training", "architecture", "data", "shift", "imagenet", "accuracy"),
    *("baseline", "effective_robustness", "extrapolated"),
    *("mean_all", "mean_without_objectnet", "mean_natural", "mean_style", "mean_text"),
)
"""Columns of `plots/published.csv`.

`kind` is `standard`, `line`, `extrapolated` or `encoder`, as in the study's table, the last for a
published model. Accuracies are in percent, effective robustness on the default's line and its means
are in points; `extrapolated` is ‡ if the line is extrapolated to a model.
"""


def default_lines(lines: pd.DataFrame) -> dict[str, LogitLine]:
    """Return the default's line of each shift."""
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

    `models` have their robustness on the default's lines.
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


PUBLISHED_FRAME = {"imagenet": (25.0, 91.0), "accuracy": (0.5, 97.5)}
"""What the chart of published models shows, in percent: tiny models would shrink the rest."""


def limit_rows(published: PublishedModels) -> list[dict[str, Any]]:
    """Return the checks of the limit on other models, with the limit at both ends of each range.

    The first row is of the whole range.
    """
    choice = published.choices[CURVED]
    return [
        {
            "others": others,
            "ends": [
                limit_at(choice, "without_objectnet", end) for end in (others.low, others.high)
            ],
        }
        for others in published.limit_check.others
    ]


AUGMENTATIONS = ("without augmentation", "RandAugment")
"""Whether there was a setting counts, as in the regression: also one of no operations."""

OVER = {"all": "all shifts", "natural": "natural shifts", "style": "style shifts"}
"""The means that a chart has a panel for each of."""

_ON_MEANS = ["label", "over", "mean", "mean_text"]


def over_means(models: pd.DataFrame) -> pd.DataFrame:
    """Return the models once for each of the means `OVER` that they have, panel by panel."""
    panels = [
        models.assign(over=over, mean=models[f"mean_{key}"], mean_text=models[f"text_{key}"])
        for key, over in OVER.items()
    ]
    return pd.concat(panels, ignore_index=True).dropna(subset=["mean"])


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
    columns = ["kind", "learning_rate", "epochs", "augmentation", *_ON_MEANS]
    return over_means(pd.concat([tuned, start]))[columns]


def soup_table(models: pd.DataFrame) -> pd.DataFrame:
    """Return the soups, their ingredients and the model that all start from."""
    soups = models[models["training"] == "soup"]
    ingredients = models[
        (models["training"] == "finetuned") & models["source"].isin(soups["source"])
    ]
    start = models[models["name"] == START]
    said = soups["name"].map(soup_name).str.removesuffix(" soup")
    groups = [
        ingredients.assign(kind="ingredient", said=""),
        soups.assign(kind="soup", said=said),
        start.assign(kind="zero-shot start", said="zero-shot start"),
    ]
    return over_means(pd.concat(groups))[["kind", "imagenet", "said", *_ON_MEANS]]


def soup_name(name: str) -> str:
    """Return the name of a soup without its architecture, in words."""
    return name.rpartition("/")[2].replace("_", " ").removeprefix("soups ")


def scaling_table(models: pd.DataFrame) -> pd.DataFrame:
    """Return the models whose compute was published, with samples seen and GMACs."""
    known = models[(models["gmacs_total"] != "") & (models["samples_seen"] != "")]
    known = known.assign(
        samples=known["samples_seen"].str.removesuffix("B").astype(float),
        gmacs=known["gmacs_total"].astype(float),
    )
    return over_means(known)[["architecture", "data", "samples", "gmacs", *_ON_MEANS]]


def counterparts(models: pd.DataFrame) -> pd.DataFrame:
    """Return the models of one backbone, by backbone; supervised ones follow the others."""
    known = models[models["counterpart_of"] != ""]
    known = known.assign(
        supervised=known["training"] == "supervised",
        place=known["training"].map(list(PUBLISHED_TRAININGS).index),
    )
    return known.sort_values(["counterpart_of", "supervised", "data", "place", "name"])


def counterpart_cases(models: pd.DataFrame) -> list[Case]:
    """Return `counterparts` as cases, for those with a mean without ObjectNet.

    The grey band shows where one more standard model with the same ImageNet accuracy would lie.
    """
    known = models.dropna(subset=["mean_without_objectnet"]).to_dict("records")
    return [
        Case(
            group=model["counterpart_of"],
            name=model["name"],
            training=model["training"].removesuffix("_12k"),
            number=Estimate(
                *(model[f"{part}_without_objectnet"] for part in ("mean", "low", "high"))
            ),
            null=limits(model["limit_without_objectnet"]),
            extrapolated=bool(model["mark_all"]),
        )
        for model in known
    ]


def limits(limit: float) -> tuple[float, float] | None:
    """Return the band within which one more standard model would lie; None where it is unknown."""
    return None if isnan(limit) else (-limit, limit)
