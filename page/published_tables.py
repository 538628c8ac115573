"""The rows of the published models' charts: `plots/published.csv`, and those of the page alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from interpreting_clip.measures.logit_line import LogitLine
from interpreting_clip.published.findings import START
from interpreting_clip.published.models import Interval
from page.names import TESTBED_SHIFTS, format_interval, format_number, mark
from page.published_results import DEFAULT, Line, Model, Published
from page.standard_lines import Row, accuracy_rows, baseline_accuracy, standard_line_rows

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

Standard = Mapping[str, Any]
"""A standard model: `name`, and accuracies in percent, None where unknown."""


def is_listed(model: Model) -> bool:
    """Return whether the table lists a model at first: supervised ones only as counterparts."""
    return model.training != "supervised" or bool(model.counterpart_of)


def default_lines(lines: Iterable[Line]) -> dict[str, LogitLine]:
    """Return the default's line of each shift."""
    return {
        line.shift: LogitLine(
            slope=line.slope,
            intercept=line.intercept,
            r_squared=line.r_squared,
            models=line.models,
            low=line.lowest_imagenet / 100,
            high=line.highest_imagenet / 100,
        )
        for line in lines
        if line.choice == DEFAULT and not line.left_out
    }


def published_rows(
    standard: Sequence[Standard], published: Published, lines: Sequence[Line]
) -> list[Row]:
    """Return accuracy against ImageNet accuracy, per shift: standard models, line and models.

    Parameters
    ----------
    standard
        The standard models of the default line.
    published
        The models.
    lines
        Every line.
    """
    listed = [m for m in published.models if is_listed(m)]
    rows: list[Row] = []
    # In the order of the testbed: Vega-Lite sorts the titles of a facet, but not its panels.
    fitted = {s: line for s in TESTBED_SHIFTS if (line := default_lines(lines).get(s))}
    for shift, line in fitted.items():
        name = TESTBED_SHIFTS[shift]
        known = [m for m in standard if m["imagenet"] is not None and m.get(shift) is not None]
        measured = [m for m in listed if shift in m.accuracy]
        rows += [
            row | {"training": STANDARD} for row in accuracy_rows(shift, known, TESTBED_SHIFTS)
        ]
        ends = [*(m["imagenet"] for m in known), *(m.accuracy["imagenet"] for m in measured)]
        rows += standard_line_rows(name, line, ends)
        rows += [
            {
                "kind": "encoder",
                "label": m.name,
                "training": published.training(m.training),
                "architecture": m.architecture,
                "data": m.data,
                "shift": name,
                "imagenet": m.accuracy["imagenet"],
                "accuracy": m.accuracy[shift],
                "baseline": baseline_accuracy(line, m.accuracy["imagenet"]),
                "effective_robustness": m.robustness[DEFAULT].shifts[shift],
                "extrapolated": mark(shift in m.robustness[DEFAULT].extrapolated),
                "mean_text": told_mean(m),
                **{
                    f"mean_{key}": mean[0]
                    for key in ("all", "without_objectnet", "natural", "style")
                    if (mean := m.mean(key))
                },
            }
            for m in reversed(measured)
        ]
    return rows


def told_mean(model: Model) -> str:
    """Return a model's mean robustness with its interval, over all shifts if it has them."""
    sign = mark(model.is_extrapolated())
    if whole := model.mean("all"):
        return f"{told(whole)}{sign}"
    part = model.mean("without_objectnet")
    return f"{told(part)}{sign} without ObjectNet" if part else "–"


def told(interval: Interval | None) -> str:
    """Return a number with its interval, a dash for none."""
    return format_interval(*interval) if interval else format_number(None)


AUGMENTATIONS = ("without augmentation", "RandAugment")
"""Whether there was a setting counts, as in the regression: also one of no operations."""

OVER = {"all": "all shifts", "natural": "natural shifts", "style": "style shifts"}
"""The means that a chart has a panel for each of."""


def over_means(row: Row, model: Model) -> list[Row]:
    """Return a row for each of the means `OVER` that a model has."""
    return [
        row | {"label": model.name, "over": over, "mean": mean[0], "mean_text": told(mean)}
        for key, over in OVER.items()
        if (mean := model.mean(key))
    ]


def by_panel(rows: Iterable[Row]) -> list[Row]:
    """Return rows in the order of their panels, which is that of `OVER`."""
    return sorted(rows, key=lambda row: list(OVER.values()).index(row["over"]))


def start_of(published: Published) -> Model | None:
    """Return the zero-shot CLIP that the soups' ingredients were finetuned from."""
    return next((m for m in published.models if m.name == START), None)


def finetuning_rows(published: Published) -> list[Row]:
    """Return the finetuned models whose learning rate is known, and the model they start from."""
    rows = [
        row
        for m in published.models
        if m.training == "finetuned" and m.recipe.get("learning_rate")
        for row in over_means(
            {
                "kind": "model",
                "learning_rate": float(m.recipe["learning_rate"]),
                "epochs": float(m.recipe.get("epochs") or 0),
                "augmentation": AUGMENTATIONS[bool(m.recipe.get("augmentation"))],
            },
            m,
        )
    ]
    if rows and (start := start_of(published)):
        rows += over_means({"kind": "start"}, start)
    return by_panel(rows)


def soup_rows(published: Published) -> list[Row]:
    """Return the soups, their ingredients and the model that all start from; none without soups."""
    soups = [m for m in published.models if m.training == "soup"]
    if not soups:
        return []
    source = soups[0].source
    ingredients = [m for m in published.models if m.source == source and m.training == "finetuned"]
    start = start_of(published)
    named = {
        "ingredient": ingredients,
        "soup": soups,
        "zero-shot start": [start] if start else [],
    }
    return by_panel(
        row
        for kind, members in named.items()
        for m in members
        for row in over_means(
            {
                "kind": kind,
                "imagenet": m.accuracy["imagenet"],
                "said": {"soup": soup_name(m.name).removesuffix(" soup"), "ingredient": ""}.get(
                    kind, kind
                ),
            },
            m,
        )
    )


def soup_name(name: str) -> str:
    """Return the name of a soup without its architecture, in words."""
    return name.rpartition("/")[2].replace("_", " ").removeprefix("soups ")


def scaling_rows(published: Published) -> list[Row]:
    """Return the models whose compute was published, with samples seen and GMACs."""
    return by_panel(
        row
        for m in published.models
        if m.recipe.get("gmacs_total") and m.recipe.get("samples_seen")
        for row in over_means(
            {
                "kind": "model",
                "architecture": m.architecture,
                "data": m.data,
                "samples": float(m.recipe["samples_seen"].removesuffix("B")),
                "gmacs": float(m.recipe["gmacs_total"]),
                "sign": mark(m.is_extrapolated()),
            },
            m,
        )
    )


GROUPS = {
    "zero_shot": "zero-shot models",
    "captioner": "zero-shot models",
    "supervised": "supervised models",
}
"""The panel of each kind of training in the chart of natural and style shifts."""


def kind_rows(published: Published) -> list[Row]:
    """Return the listed models with their means over natural and over style shifts."""
    rows = [
        {
            "kind": "encoder",
            "label": m.name,
            "group": GROUPS.get(m.training, "finetuned models and soups"),
            "training": published.training(m.training),
            "data": m.data,
            "natural": natural[0],
            "style": style[0],
            "natural_text": told(natural),
            "style_text": told(style),
            "mean_text": told_mean(m),
        }
        for m in published.models
        if is_listed(m)
        and (natural := m.mean("natural_without_objectnet"))
        and (style := m.mean("style"))
    ]
    order = ("zero-shot models", "finetuned models and soups", "supervised models")
    return sorted(rows, key=lambda row: order.index(row["group"]))
