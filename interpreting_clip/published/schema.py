"""What stage `published` writes, as the page reads it: the types of its JSON files.

plots/published_models.json     `PublishedModels`, every model on every line, and its JSON Schema
plots/published.json            `Findings`, what the models say together
plots/published_lines.csv       `LINE_COLUMNS`
"""

from inspect import cleandoc
from typing import Any

import msgspec

NOTABLE = 0.3
"""A difference of two sources' accuracies of one model, in points, from which the page says so."""

START = "ViT-B-32/openai"
"""The zero-shot CLIP that the ingredients of the soups were finetuned from."""

LINE_COLUMNS = (
    *("choice", "left_out", "shift", "slope", "second_slope", "intercept", "r_squared"),
    *("models", "families", "lowest_imagenet", "highest_imagenet"),
    *("lowest_second", "highest_second"),
)
"""Columns of `plots/published_lines.csv`; ranges are in percent, of each line's own abscissas."""

Interval = tuple[float, float, float]
"""A value and the ends of its interval, in points."""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A shift's name, and whether it is natural or one of style."""

    label: str
    kind: str


class SourceCard(msgspec.Struct, frozen=True, kw_only=True):
    """A source, as `data/published/` describes it."""

    title: str
    url: str
    commit: str
    path: str
    licence: str
    sets: list[str]
    measured: str
    note: str


class ChoiceCard(msgspec.Struct, frozen=True, kw_only=True):
    """A choice of the line.

    `rank_correlation` is Spearman's between the mean effective robustness here and on the default's
    lines, over the same shifts (without ObjectNet) and the `compared` models, which are those that
    are not standard; its interval is over these models. It is None for the default itself, and for
    fewer than four models. `leaders` are the zero-shot models within the lines' range that may be
    the most robust.
    """

    label: str
    text: str
    shifts: list[str]
    standard: str
    transform: str
    method: str
    second: str | None
    abscissa: str
    models: int
    families: int
    compared: int
    rank_correlation: Interval | None
    leaders: list[str]


class UnderChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A model's effective robustness under a choice, in points.

    `shifts` has each shift that was measured, `means` the means of `MEANS` with their intervals,
    None where a shift of the mean was not measured. `change` is what finetuning changed: the model
    minus the one that it started from, in the mean over the shifts that both were measured on, with
    the interval of the difference on the same lines; None for a model without a known start.
    `extrapolated` lists the shifts whose line is extrapolated to the model.
    """

    shifts: dict[str, float]
    means: dict[str, Interval | None]
    change: Interval | None
    extrapolated: list[str]


class Also(msgspec.Struct, frozen=True, kw_only=True):
    """The same weights in another source, and the largest difference of an accuracy, in points."""

    source: str
    name: str
    accuracy: dict[str, float]
    largest_difference: float


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A published model: accuracies in percent, effective robustness by choice.

    `training` is one of `KINDS`, with `supervised` for standard models. `counterpart_of` is the
    backbone whose training regimes it stands for, `start` the model that it was finetuned from,
    `aliases` other names of the same weights in its source, `recipe` what the source says of its
    training, as text.
    """

    name: str
    source: str
    training: str
    architecture: str
    data: str
    image_size: str
    counterpart_of: str
    start: str
    note: str
    aliases: list[str]
    also: list[Also]
    recipe: dict[str, str]
    accuracy: dict[str, float]
    robustness: dict[str, UnderChoice]


class PublishedModels(msgspec.Struct, frozen=True, kw_only=True):
    """All published models that the page shows, their sources, and the choices of the line."""

    confidence: float
    shifts: dict[str, Shift]
    trainings: dict[str, str]
    sources: dict[str, SourceCard]
    choices: dict[str, ChoiceCard]
    models: list[ModelCard]


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A coefficient of a regression, in points, and its interval.

    `unit` says what it is points per. `values` are the lowest and the highest of the variable among
    the models.
    """

    name: str
    unit: str
    values: tuple[float, float]
    estimate: Interval


class Regression(msgspec.Struct, frozen=True, kw_only=True):
    """A least-squares regression of effective robustness over models.

    `largest_correlation` is that between any two of its variables, in absolute value: where it is
    high, their coefficients cannot be told apart.
    """

    outcome: str
    models: int
    r_squared: float
    largest_correlation: float
    terms: list[Term]


class Finetuning(msgspec.Struct, frozen=True, kw_only=True):
    """What finetuning costs, over the ingredients of the soups.

    `start` is the zero-shot model's effective robustness, by the means; `lowest`, `median` and
    `highest` are those of the finetuned models' mean over all shifts. `with_recipe` models have
    hyper-parameters. `learning_rate` is the rank correlation of the learning rate with this mean,
    `linear_correlation` Pearson's correlation of its logarithm.
    """

    start: dict[str, float]
    models: int
    lowest: float
    median: float
    highest: float
    with_recipe: int
    learning_rate: Interval
    linear_correlation: float
    regressions: list[Regression]


class Soup(msgspec.Struct, frozen=True, kw_only=True):
    """An average of finetuned weights beside its ingredients.

    `robustness` has its effective robustness, by the means. Of the `ingredients`, so many are less
    accurate on ImageNet, less robust in the mean of all shifts, and both.
    """

    name: str
    imagenet: float
    robustness: dict[str, float]
    ingredients: int
    less_accurate: int
    less_robust: int
    less_in_both: int


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """Effective robustness over pretraining data and compute, where no line is extrapolated."""

    models: int
    left_out: list[str]
    regressions: list[Regression]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `plots/published.json`."""

    confidence: float
    finetuning: Finetuning
    soups: list[Soup]
    scaling: Scaling


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `plots/published_models.json`."""
    found = msgspec.json.schema(PublishedModels)
    for kind in found["$defs"].values():
        # Python 3.13 takes the indentation out of docstrings, which describe the types here.
        kind["description"] = cleandoc(kind["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
