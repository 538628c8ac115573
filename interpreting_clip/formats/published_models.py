"""`plots/published_models.csv`: every published model with its accuracies and its robustness.

Stage `published` writes a row per model, and stage `report` reads them for the page.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError
from interpreting_clip.measures.effective_robustness import EffectiveRobustness
from interpreting_clip.measures.logit_line import LogitLine

Training = Literal["zero_shot", "finetuned", "finetuned_12k", "supervised"]

MEANS = ("five", "four")
"""The means over the shifts: over all five, and over the four that timm measures too."""

MODEL_COLUMNS = (
    *("name", "training", "architecture", "data", "image_size", "counterpart_of", "imagenet"),
    *TESTBED_SHIFTS,
    *(f"robustness_{shift}" for shift in TESTBED_SHIFTS),
    *(f"{end}_of_{mean}" for mean in MEANS for end in ("mean", "low", "high")),
    "extrapolated",
)
"""Accuracies are in percent, effective robustness on the testbed's line in percentage points.

`counterpart_of` is the backbone whose training regimes the model stands for in
`data/reference/counterparts.csv`; `extrapolated` lists the shifts whose line is extrapolated to it.
A cell is empty where nothing is published.
"""

LINE_COLUMNS = (
    "baseline",
    "shift",
    "slope",
    "intercept",
    "r_squared",
    "models",
    "lowest_imagenet",
    "highest_imagenet",
)
"""Columns of the lines through published standard models; the range is in percent."""

_DATA = (
    ("openai", "OpenAI"),
    ("webli", "WebLI"),
    ("commonpool", "CommonPool"),
    ("datacomp", "DataComp"),
    ("metaclip", "MetaCLIP"),
    ("dfn", "DFN"),
    ("merged2b", "Merged-2B"),
    ("laiona", "LAION-Aesthetics"),
    ("laion_aesthetic", "LAION-Aesthetics"),
    ("laion400m", "LAION-400M"),
    ("laion2b", "LAION-2B"),
    ("laion5b", "LAION-5B"),
    ("yfcc", "YFCC-15M"),
    ("cc12m", "CC12M"),
    # timm's name of EVA-g/14 has no dataset: it is EVA-CLIP's.
    ("clip_ft", "LAION-400M"),
)


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """A mean effective robustness in percentage points, with the interval of the lines."""

    mean: float
    low: float
    high: float


class PublishedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A published model: accuracies in percent, effective robustness in points, by test set.

    `five` and `four` are the means over all shifts and over those of timm, None where one of these
    was not published.
    """

    name: str
    training: Training
    data: str
    counterpart_of: str
    accuracy: dict[str, float | None]
    robustness: dict[str, float | None]
    five: Mean | None
    four: Mean | None
    extrapolated: list[str]


def split_name(name: str) -> tuple[str, str]:
    """Split a model name of OpenCLIP or timm into its architecture and its weights."""
    architecture, _, weights = name.partition("/" if "/" in name else ".")
    return architecture, weights


def pretraining_data(weights: str) -> str:
    """Return the image-text dataset that a CLIP learnt from, by the name of its weights."""
    return next((data for part, data in _DATA if part in weights), "other")


def model_row(
    model: Mapping[str, Any],
    training: Training,
    five: EffectiveRobustness | None,
    four: EffectiveRobustness,
    counterpart_of: str = "",
) -> dict[str, Any]:
    """Return a model's row of the table.

    Parameters
    ----------
    model
        Its `name` and its accuracies in percent, None where unknown; `image_size` of timm's.
    training
        How it got its head.
    five, four
        Its effective robustness on all shifts (None for timm's models), and on timm's shifts.
    counterpart_of
        The backbone whose training regimes it stands for, if any.
    """
    architecture, weights = split_name(model["name"])
    widest = five or four
    row = {
        "name": model["name"],
        "training": training,
        "architecture": architecture,
        "data": "ImageNet" if training == "supervised" else pretraining_data(weights),
        "image_size": model.get("image_size", ""),
        "counterpart_of": counterpart_of,
        "imagenet": model["imagenet"],
        "extrapolated": " ".join(widest.extrapolated),
    }
    row |= {shift: model.get(shift) for shift in TESTBED_SHIFTS}
    row |= {f"robustness_{s}": round(one.value, 4) for s, one in widest.shifts.items()}
    for name, result, count in (("five", five, 5), ("four", four, 4)):
        # A mean over fewer shifts than its column says would not be comparable.
        if result and len(result.shifts) == count:
            mean = result.mean
            ends = {"mean": mean.value, "low": mean.low, "high": mean.high}
            row |= {f"{end}_of_{name}": round(value, 4) for end, value in ends.items()}
    return row


def published_line_rows(baselines: Mapping[str, Mapping[str, LogitLine]]) -> list[dict[str, Any]]:
    """Return the lines by baseline and shift, for others to use (`LogitLine.predict`).

    Slope and intercept have twelve decimals, so that anyone who uses them gets our numbers.
    """
    return [
        {"baseline": name, "shift": shift}
        | {"slope": f"{line.slope:.12f}", "intercept": f"{line.intercept:.12f}"}
        | {"r_squared": line.r_squared, "models": line.models}
        | {"lowest_imagenet": 100 * line.low, "highest_imagenet": 100 * line.high}
        for name, lines in baselines.items()
        for shift, line in lines.items()
    ]


def numeric_row(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a row of the table with numbers in place of their text, None for an empty cell."""
    first, last = MODEL_COLUMNS.index("imagenet"), -1
    numbers = {key: float(row[key]) if row[key] else None for key in MODEL_COLUMNS[first:last]}
    return {**row, **numbers}


def read_lines(rows: Iterable[Mapping[str, str]], baseline: str) -> dict[str, LogitLine]:
    """Return the line of each shift of a baseline, from the rows of `published_line_rows`."""
    return {
        row["shift"]: LogitLine(
            slope=float(row["slope"]),
            intercept=float(row["intercept"]),
            r_squared=float(row["r_squared"]),
            models=int(row["models"]),
            low=float(row["lowest_imagenet"]) / 100,
            high=float(row["highest_imagenet"]) / 100,
        )
        for row in rows
        if row["baseline"] == baseline
    }


def read_models(rows: Iterable[Mapping[str, str]]) -> list[PublishedModel]:
    """Return the models of the table's rows.

    Raises
    ------
    InputError
        A cell holds text where a number belongs, or an unknown kind of training or shift.
    """
    return [_model(row) for row in rows]


def most_robust(models: Sequence[PublishedModel]) -> list[PublishedModel]:
    """Return the zero-shot models with all five shifts, the highest mean robustness first.

    The first whose `extrapolated` is empty is the most robust one within the range of the lines.
    """
    means = [(m, m.five.mean) for m in models if m.training == "zero_shot" and m.five]
    return [model for model, _ in sorted(means, key=lambda pair: (-pair[1], pair[0].name))]


def by_robustness(models: Iterable[PublishedModel]) -> list[PublishedModel]:
    """Sort models by their mean over five shifts, then those without one by that over four.

    In both groups the highest comes first, but extrapolated models follow the others.
    """

    def key(model: PublishedModel) -> tuple[bool, bool, bool, float, str]:
        mean = model.five or model.four
        beyond = model.extrapolated != []
        return model.five is None, mean is None, beyond, -mean.mean if mean else 0.0, model.name

    return sorted(models, key=key)


def _model(row: Mapping[str, str]) -> PublishedModel:
    try:
        numbers = {
            key: float(row[key]) if row[key] else None
            for key in MODEL_COLUMNS[MODEL_COLUMNS.index("imagenet") : -1]
        }
        means = {
            name: {end: numbers[f"{end}_of_{name}"] for end in ("mean", "low", "high")}
            for name in MEANS
        }
        extrapolated = row["extrapolated"].split()
        if unknown := set(extrapolated) - set(TESTBED_SHIFTS):
            raise ValueError(f"extrapolated: {sorted(unknown)[0]!r} is no shift")
        return msgspec.convert(
            {
                **{key: row[key] for key in ("name", "training", "data", "counterpart_of")},
                "accuracy": {key: numbers[key] for key in ("imagenet", *TESTBED_SHIFTS)},
                "robustness": {shift: numbers[f"robustness_{shift}"] for shift in TESTBED_SHIFTS},
                **{name: None if None in ends.values() else ends for name, ends in means.items()},
                "extrapolated": extrapolated,
            },
            PublishedModel,
        )
    except ValueError as error:
        raise InputError(
            f"plots/published_models.csv: model {row['name']!r}: {error}; run "
            "`dvc repro --force --single-item published`"
        ) from None
