"""The files that stage `published` writes, as the page reads them.

plots/published_models.json     `PublishedModels`, every model on every line, and its JSON Schema
plots/published_lines.csv       `LINE_COLUMNS`
"""

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

import msgspec

from interpreting_clip.published.line_choices import Choice
from interpreting_clip.statistics.standard_limit import StandardLimit

START = "ViT-B-32/openai"
"""The zero-shot CLIP that the ingredients of the soups were finetuned from."""

COMPARED = ("zero_shot", "finetuned", "supervised")
"""The kinds of training that the paper compares, in its order."""

LINE_COLUMNS = (
    *("choice", "shift", "slope", "intercept", "knee", "bend", "r_squared"),
    *("models", "families", "lowest_imagenet", "highest_imagenet"),
)
"""Columns of `plots/published_lines.csv`.

The range and the knee are ImageNet accuracies in percent. Above the `knee`, the slope is `slope +
bend`.
"""

Interval = tuple[float, float, float]
"""A value and the ends of its interval, in points."""


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


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Models of one backbone: zero-shot, finetuned and supervised, as far as there are.

    `data` is what the zero-shot model learnt from. `differences` are between each of the `models`
    and the next, in the mean over the shifts without ObjectNet, on the same resampled lines.
    """

    backbone: str
    data: str
    models: list[str]
    differences: list[Interval]


class ChoiceCard(Choice, frozen=True, kw_only=True):
    """A kind of line, and what it makes of the models.

    The lines were fitted to `models` of some `families`, those without an accuracy on some shift
    among them. `deviation` and `largest` are the standard deviation and the largest distance from
    the lines, in points, of the standard models that have all shifts. `limits` has the limit for
    one more standard model by the shifts that a mean is over (`over`); around straight lines its
    `rise` is 0. `leaders` are the zero-shot models within the lines' range that may be the most
    robust.
    """

    models: int
    families: int
    deviation: float
    largest: float
    limits: dict[str, StandardLimit]
    comparisons: list[Comparison]
    leaders: list[str]


def over(shifts: Iterable[str]) -> str:
    """Return the key of a set of shifts in `ChoiceCard.limits`: their names by the alphabet."""
    return "+".join(sorted(shifts))


class LimitCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How well the limit around curved lines holds on models that it was not fitted to.

    `left_out` is the share of the testbed's standard models that lie within the limit if lines and
    limit are fitted without their family, by mean. `timm` counts timm's supervised models without
    the testbed's own weights, `timm_within` those of them that lie within, without ObjectNet.
    """

    left_out: dict[str, float]
    timm: int
    timm_within: int


class UnderChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A model's effective robustness on a kind of line, in points.

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
    """The same weights in another source, and the largest difference of an accuracy, in points.

    `recipe` is what that source says of their training, as text.
    """

    source: str
    name: str
    recipe: dict[str, str]
    accuracy: dict[str, float]
    largest_difference: float


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A published model: accuracies in percent, effective robustness by kind of line.

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
    """All published models that the page shows, their sources, and the kinds of lines."""

    confidence: float
    shifts: dict[str, str]
    trainings: dict[str, str]
    sources: dict[str, SourceCard]
    choices: dict[str, ChoiceCard]
    limit_check: LimitCheck
    models: list[ModelCard]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `plots/published_models.json`."""
    generated = msgspec.json.schema(PublishedModels)
    for kind in generated["$defs"].values():
        # Python 3.13 takes the indentation out of docstrings, which describe the types here.
        kind["description"] = cleandoc(kind["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}
