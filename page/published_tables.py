"""The tables of the published models' charts, `plots/published.csv` and those of the page alone."""

from math import nan

import numpy as np
import pandas as pd

from interpreting_clip.charts.scatter import DRAWN_RANGE
from interpreting_clip.charts.standard_lines import standard_line_rows
from interpreting_clip.formats.tables import records
from interpreting_clip.measures.logit_line import LogitLine
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import START
from page.names import TESTBED_SHIFTS
from page.published_results import TRAININGS

STANDARD = "standard models"
"""The name, in the chart of published models, of those that the line is fitted to."""

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
    default = lines[(lines["choice"] == DEFAULT) & (lines["left_out"] == "")]
    return {
        line["shift"]: LogitLine(
            slope=line["slope"],
            intercept=line["intercept"],
            r_squared=line["r_squared"],
            models=int(line["models"]),
            low=line["lowest_imagenet"] / 100,
            high=line["highest_imagenet"] / 100,
        )
        for line in records(default)
    }


def published_table(
    standard: pd.DataFrame, models: pd.DataFrame, lines: pd.DataFrame
) -> pd.DataFrame:
    """Return accuracy against ImageNet accuracy, per shift: standard models, line and models.

    Parameters
    ----------
    standard
        The standard models of the default line: `name`, and accuracies in percent.
    models
        The published models, with their robustness on the default's lines.
    lines
        Every line.
    """
    # The first sources are drawn last, on top of the others.
    listed = models[models["listed"]].iloc[::-1]
    default = default_lines(lines)
    parts = []
    # In the order of the testbed: Vega-Lite sorts the titles of a facet, but not its panels.
    for shift, name in TESTBED_SHIFTS.items():
        line = default[shift]
        known = standard.dropna(subset=["imagenet", shift])
        measured = listed.dropna(subset=[shift])
        ends = [*known["imagenet"], *measured["imagenet"]]
        abscissas = measured["imagenet"].clip(*DRAWN_RANGE).to_numpy() / 100
        parts += [
            known.assign(
                kind="standard",
                label=known["name"],
                training=STANDARD,
                shift=name,
                accuracy=known[shift],
            ),
            pd.DataFrame(standard_line_rows(name, line, ends)),
            measured.assign(
                kind="encoder",
                label=measured["name"],
                training=measured["how"],
                shift=name,
                accuracy=measured[shift],
                baseline=100 * line.predict(abscissas),
                effective_robustness=measured[f"robustness_{shift}"],
                extrapolated=measured[f"mark_{shift}"],
            ),
        ]
    return pd.concat(parts, ignore_index=True)[list(PUBLISHED_COLUMNS)]


AUGMENTATIONS = ("without augmentation", "RandAugment")
"""Whether there was a setting counts, as in the regression: also one of no operations."""

OVER = {"all": "all shifts", "natural": "natural shifts", "style": "style shifts"}
"""The means that a chart has a panel for each of."""

_ON_MEANS = ["label", "over", "mean", "mean_text"]


def over_means(models: pd.DataFrame) -> pd.DataFrame:
    """Return the models once for each of the means `OVER` that they have, panel by panel."""
    panels = [
        models.assign(
            label=models["name"],
            over=over,
            mean=models[f"mean_{key}"],
            mean_text=models[f"text_{key}"],
        )
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


GROUPS = {
    "zero_shot": "zero-shot models",
    "captioner": "zero-shot models",
    "finetuned": "finetuned models and soups",
    "finetuned_12k": "finetuned models and soups",
    "soup": "finetuned models and soups",
    "probed": "finetuned models and soups",
    "supervised": "supervised models",
}
"""The panel of each kind of training in the chart of natural and style shifts, in their order."""


def kind_table(models: pd.DataFrame) -> pd.DataFrame:
    """Return the listed models with their means over natural and over style shifts."""
    natural = "natural_without_objectnet"
    known = models[models["listed"]].dropna(subset=[f"mean_{natural}", "mean_style"])
    known = known.assign(
        kind="encoder",
        label=known["name"],
        group=known["training"].map(GROUPS),
        training=known["how"],
        natural=known[f"mean_{natural}"],
        style=known["mean_style"],
        natural_text=known[f"text_{natural}"],
        style_text=known["text_style"],
    )
    columns = ["kind", "label", "group", "training", "data", "natural", "style"]
    panels = list(dict.fromkeys(GROUPS.values()))
    ordered = known.sort_values("group", key=lambda one: one.map(panels.index), kind="stable")
    return ordered[[*columns, "natural_text", "style_text", "mean_text"]]


def counterparts(models: pd.DataFrame) -> pd.DataFrame:
    """Return the models of one backbone, by backbone; supervised ones follow the others."""
    found = models[models["counterpart_of"] != ""]
    found = found.assign(
        supervised=found["training"] == "supervised",
        place=found["training"].map(list(TRAININGS).index),
    )
    return found.sort_values(["counterpart_of", "supervised", "data", "place", "name"])


def counterpart_table(models: pd.DataFrame, limit: float) -> pd.DataFrame:
    """Return the `counterparts` that have a mean without ObjectNet, with its interval.

    `limit` is that within which one more standard model would lie.
    """
    kind = models["training"].str.removesuffix("_12k").map(TRAININGS)
    separator = models["data"].map(lambda data: ": " if data else "")
    found = models.assign(
        backbone=models["counterpart_of"],
        place=range(len(models)),
        label=models["how"] + separator + models["data"],
        training=kind,
        robustness=models["mean_without_objectnet"],
        low=models["low_without_objectnet"],
        high=models["high_without_objectnet"],
        limit=limit,
        extrapolated=models["mark_all"],
    ).dropna(subset=["robustness"])
    columns = ["backbone", "place", "name", "label", "training", "data", "imagenet"]
    return found[[*columns, "robustness", "low", "high", "limit", "extrapolated"]]
