"""The files that stage `published` writes, as the page reads them.

plots/published_models.json     `PublishedModels`, every model on every line, and its JSON Schema
plots/published_lines.csv       `LINE_COLUMNS`
"""

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
    *("choice", "shift", "slope", "second_slope", "intercept", "knee", "bend", "r_squared"),
    *("models", "families", "lowest_imagenet", "highest_imagenet"),
    *("lowest_second", "highest_second"),
)
"""Columns of `plots/published_lines.csv`.

Ranges are in percent, of each line's own abscissas. Above the `knee`, an ImageNet accuracy in
percent, the slope is `slope + bend`.
"""

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


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How far standard models lie from the lines that were fitted to them, in points.

    `deviation` is their standard deviation, `limit` a constant prediction limit: one more standard
    model would lie within it, on either side of the line, with the results' confidence, if all
    scattered alike. It takes the `models` as independent, which those of one of the `families` are
    not, so it is optimistic. It is None on a shift that bends the curved line, where distances
    depend on accuracy, and for means that are read from such a line. `largest` is the distance of
    the model that is farthest off. The interval of the line excludes zero for `off_the_line` of the
    models.
    """

    models: int
    families: int
    deviation: float
    limit: float | None
    largest: float
    off_the_line: int


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
    """A choice of the line, and what it makes of the models.

    `spread` is by the means and the shifts, over the standard models that all their lines were
    fitted to. `limits` are those that depend on accuracy, by mean, for the curved lines. `leaders`
    are the zero-shot models within the lines' range that may be the most robust.
    """

    models: int
    families: int
    spread: dict[str, Spread]
    limits: dict[str, StandardLimit]
    comparisons: list[Comparison]
    leaders: list[str]


class Holdout(msgspec.Struct, frozen=True, kw_only=True):
    """How far supervised models lie that no line was fitted to, in a range of ImageNet accuracies.

    The `models` of timm, without the testbed's own weights, have an accuracy above `low` and up to
    `high` percent; their mean is without ObjectNet. On curved lines, `within` of them lie within
    the limit at their accuracy, and on straight lines `within_constant` within the constant limit.
    All models of one more family would lie within `family_limit` points of the curved lines with
    the results' confidence; None if there are too few `families` to tell.
    """

    low: float
    high: float
    models: int
    families: int
    within: int
    within_constant: int
    family_limit: float | None


class LimitCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How well the limit for one more standard model holds.

    `left_out` is the share of the testbed's standard models that lie within the limit if lines and
    limit are fitted without their family, by mean. `others` are timm's models, first all.
    """

    left_out: dict[str, float]
    others: list[Holdout]


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
    """The same weights in another source, and the largest difference of an accuracy, in points.

    `recipe` is what that source says of their training, as text.
    """

    source: str
    name: str
    recipe: dict[str, str]
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
    limit_check: LimitCheck
    models: list[ModelCard]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `plots/published_models.json`."""
    generated = msgspec.json.schema(PublishedModels)
    for kind in generated["$defs"].values():
        # Python 3.13 takes the indentation out of docstrings, which describe the types here.
        kind["description"] = cleandoc(kind["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}
