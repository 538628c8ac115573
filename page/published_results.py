"""What stage `published` wrote, as tables: a row per published model, and a row per line."""

from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.published.line_choices import DEFAULT, MEANS
from interpreting_clip.published.schema import (
    LINE_COLUMNS,
    ChoiceCard,
    Interval,
    PublishedModels,
    UnderChoice,
    over,
)
from page.names import format_interval, mark

SHIFT_ORDER = ("imagenet_v2", "objectnet", "imagenet_a", "imagenet_r", "imagenet_sketch")
"""The shifts in the order of the page: new photographs first, then other styles."""

TEST_SETS = ("imagenet", *SHIFT_ORDER)

PUBLISHED_TRAININGS = {
    "zero_shot": "zero-shot",
    "finetuned": "finetuned",
    "finetuned_12k": "finetuned through ImageNet-12k",
    "soup": "soup of finetuned models",
    "captioner": "finetuned on captions",
    "probed": "linear probe",
    "supervised": "supervised",
}
"""The kinds of training as the page names them, in the order of the filters."""

Draws = dict[str, dict[str, dict[str, str]]]
"""`plots/published_draws.json`: by kind of line, shift and coefficient, base64 of 32-bit floats."""

_CELLS = (
    *("name", "source", "training", "architecture", "data", "image_size", "counterpart_of"),
    *("note", "aliases", "also"),
)
_RECIPE = ("learning_rate", "epochs", "augmentation")
_NOT_PLACED = UnderChoice(shifts={}, means={}, change=None, extrapolated=[])


def read_lines(file: Path) -> pd.DataFrame:
    """Read `plots/published_lines.csv`, whose columns are `LINE_COLUMNS`.

    Raises
    ------
    InputError
        The file is missing or damaged, or a cell is not a number.
    """
    return read_table(file, LINE_COLUMNS, numbers=set(LINE_COLUMNS) - {"choice", "shift"})


def model_table(published: PublishedModels, choice: str = DEFAULT) -> pd.DataFrame:
    """Return the published models with their effective robustness on straight or curved lines.

    A row per model in the order of the file, with the texts of its card and

    * accuracies in percent, by test set, and `robustness_<shift>` in points;
    * `mean_<mean>`, `low_<mean>`, `high_<mean>`: the means of `MEANS` with their intervals, and
      `text_<mean>`, the same in words; with `change` for a mean, what finetuning changed;
    * `limit_<mean>`, the limit for one more standard model with the same ImageNet accuracy;
    * `mark_<mean>` and `mark_<shift>`, ‡ where a line is extrapolated to the model, and
      `extrapolated`, whether any line is;
    * `mean_text`, the mean over all shifts in words, or over all but ObjectNet;
    * `label`, its name in charts, `how`, the name of its training, and `listed`: supervised models
      are listed only as counterparts.

    Numbers are NaN, and texts empty, where nothing is published.
    """
    rows = []
    for m in published.models:
        under = m.robustness.get(choice, _NOT_PLACED)
        row: dict[str, Any] = {name: getattr(m, name) for name in _CELLS}
        row |= {"label": m.name, "how": PUBLISHED_TRAININGS[m.training]}
        row["listed"] = m.training != "supervised" or m.counterpart_of != ""
        row["extrapolated"] = bool(under.extrapolated)
        row |= {name: m.recipe.get(name, "") for name in _RECIPE}
        row |= {name: m.accuracy.get(name, nan) for name in TEST_SETS}
        row |= {f"robustness_{shift}": under.shifts.get(shift, nan) for shift in SHIFT_ORDER}
        row |= {f"mark_{shift}": mark(shift in under.extrapolated) for shift in SHIFT_ORDER}
        for name, shifts in MEANS.items():
            row |= _interval_cells(name, under.means.get(name))
            row[f"mark_{name}"] = mark(not set(shifts).isdisjoint(under.extrapolated))
            row[f"limit_{name}"] = limit_at(published.choices[choice], name, m.accuracy["imagenet"])
        row |= _interval_cells("change", under.change)
        rows.append(row)
    models = pd.DataFrame(rows)
    whole = models["text_all"] + models["mark_all"]
    part = models["text_without_objectnet"] + models["mark_all"] + " without ObjectNet"
    part = part.where(models["mean_without_objectnet"].notna(), format_number(None))
    return models.assign(mean_text=whole.where(models["mean_all"].notna(), part))


def limit_at(choice: ChoiceCard, mean: str, imagenet: float) -> float:
    """Return the limit for one more standard model at an ImageNet accuracy in percent, in points.

    NaN where none is known.
    """
    limit = choice.limits.get(over(MEANS[mean]))
    found = limit and limit.at(imagenet / 100)
    return nan if found is None else found


def _interval_cells(name: str, interval: Interval | None) -> dict[str, Any]:
    value, low, high = interval or (nan, nan, nan)
    text = format_interval(*interval) if interval else format_number(None)
    return {f"mean_{name}": value, f"low_{name}": low, f"high_{name}": high, f"text_{name}": text}


def by_robustness(models: pd.DataFrame) -> pd.DataFrame:
    """Order models by their mean over all shifts, or else by their mean without ObjectNet.

    In each of these groups the highest comes first, extrapolated models last. `rank` counts
    the zero-shot models to which no line is extrapolated, from 1.
    """
    mean = models["mean_all"].fillna(models["mean_without_objectnet"])
    lacking = models["mean_all"].isna().astype(int) + mean.isna()
    ordered = models.assign(lacking=lacking, mean=-mean).sort_values(
        ["lacking", "extrapolated", "mean", "name"]
    )
    ranked = (
        (ordered["training"] == "zero_shot") & (ordered["lacking"] == 0) & ~ordered["extrapolated"]
    )
    return ordered.assign(rank=ranked.cumsum().where(ranked).astype("Int64"))


def interval(numbers: Sequence[float], digits: int = 1) -> str:
    """Return a value with its interval in words."""
    value, low, high = numbers
    return format_interval(value, low, high, digits)
