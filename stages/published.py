"""Stage `published`: effective robustness of real models, from published accuracies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import msgspec
import numpy as np

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.published_accuracies import (
    TESTBED,
    TIMM,
    TIMM_SHIFTS,
    Model,
    Settings,
    accuracy_fractions,
    counterparts,
    distinct_models,
    fractions_above_chance,
    standard_models,
    timm_models,
    timm_standard_models,
    zoo_models,
)
from interpreting_clip.formats.published_models import (
    LINE_COLUMNS,
    MODEL_COLUMNS,
    model_row,
    published_line_rows,
)
from interpreting_clip.formats.tables import write_table
from interpreting_clip.measures.effective_robustness import (
    Accuracy,
    EffectiveRobustness,
    above_line,
    estimate_effective_robustness,
)
from interpreting_clip.measures.intervals import percentile_interval
from interpreting_clip.measures.logit_line import LogitLine, ResampledLines, baseline_lines
from runner.listed_params import ListedParams
from runner.outputs import Inputs, Outputs

COLUMNS = {
    "published_models": MODEL_COLUMNS,
    "published_lines": LINE_COLUMNS,
}
"""The tables `plots/<name>.csv` that the stage writes."""


@dataclass(frozen=True)
class FittedLines:
    """The lines of standard models from ImageNet to the shifts, as fitted and as resampled."""

    lines: dict[str, LogitLine]
    resampled: dict[str, ResampledLines]


def main(params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Write both baselines, and every published model with its effective robustness in points."""
    settings = params.read("published", Settings)
    result, tables = published_results(settings)
    write_json(outputs["plots/published.json"], result, digits=4)
    for name, columns in COLUMNS.items():
        write_table(outputs[f"plots/{name}.csv"], tables[name], columns)


def published_results(
    settings: Settings,
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Return the content of `plots/published.json`, and the rows of each table of `COLUMNS`."""
    standard, timm = standard_models(), timm_models()
    every_name = zoo_models()
    zoo, joined = distinct_models(every_name)
    chosen = counterparts(every_name, timm)
    baselines = published_baselines(settings, standard, timm_standard_models(timm))
    testbed = baselines["testbed"]
    compared: dict[str, dict[str, Any]] = {}
    for m in chosen:
        values = {name: robustness(m, TIMM_SHIFTS, b, settings) for name, b in baselines.items()}
        said = {key: m[key] for key in ("data", "training", "note")} | raw(m, TIMM_SHIFTS)
        size = {"image_size": int(m["image_size"])}
        compared.setdefault(m["backbone"], {})[m["name"]] = said | size | values
    lines = {name: baseline.lines for name, baseline in baselines.items()}
    models = model_rows(zoo, timm, chosen, testbed, settings)
    return {
        "lines": msgspec.to_builtins(lines["testbed"]),
        "timm_lines": msgspec.to_builtins(lines["timm"]),
        "encoders": {
            m["name"]: robustness(m, TESTBED_SHIFTS, testbed, settings) | raw(m, TESTBED_SHIFTS)
            for m in zoo
        },
        "leaders": leaders(zoo, testbed, settings.confidence),
        "confidence": settings.confidence,
        "joined": joined,
        "counterparts": compared,
    }, {
        "published_models": models,
        "published_lines": published_line_rows(lines),
    }


def model_rows(
    zoo: Sequence[Model],
    timm: Sequence[Model],
    compared: Sequence[Model],
    testbed: FittedLines,
    settings: Settings,
) -> list[dict[str, Any]]:
    """Return the rows of every published model on the testbed's line.

    These are OpenCLIP's zero-shot models, all CLIPs that timm finetuned, and timm's models that
    learnt from ImageNet-1k alone.
    """
    backbones = {model["name"]: model["backbone"] for model in compared}
    rows = [
        model_row(
            model,
            "zero_shot",
            estimate(model, TESTBED_SHIFTS, testbed, settings),
            estimate(model, TIMM_SHIFTS, testbed, settings),
            backbones.get(model["name"], ""),
        )
        for model in zoo
    ]
    finetuned = [model for model in timm if model["training"] == "clip_finetuned"]
    for model in (*finetuned, *timm_standard_models(timm)):
        training = "supervised"
        if model["training"] == "clip_finetuned":
            training = "finetuned_12k" if "in12k" in model["name"] else "finetuned"
        four = estimate(model, TIMM_SHIFTS, testbed, settings)
        rows.append(model_row(model, training, None, four, backbones.get(model["name"], "")))
    return rows


def published_baselines(
    settings: Settings, standard: Sequence[Model], timm: Sequence[Model]
) -> dict[str, FittedLines]:
    """Fit the lines of the testbed's standard models, and those of timm's ImageNet-1k models.

    A model that is not above chance on a shift is no part of that shift's line.
    """
    baselines = {}
    for name, file, models, shifts in (
        ("testbed", TESTBED, standard, TESTBED_SHIFTS),
        ("timm", TIMM, timm, TIMM_SHIFTS),
    ):
        with error_context(file, ValueError):
            baselines[name] = FittedLines(
                *baseline_lines(
                    accuracy_fractions(models, "imagenet"),
                    {shift: fractions_above_chance(models, shift) for shift in shifts},
                    settings.resamples,
                    settings.seed,
                )
            )
    return baselines


def raw(model: Model, shifts: Sequence[str]) -> dict[str, float]:
    """Return a model's ImageNet accuracy and its mean over the shifts that were measured."""
    known = [model[shift] for shift in shifts if model[shift] is not None]
    return {"imagenet": model["imagenet"], "shifts": fmean(known)}


def estimate(
    model: Mapping[str, Any],
    shifts: Sequence[str],
    baseline: FittedLines,
    settings: Settings,
) -> EffectiveRobustness:
    """Return a model's effective robustness from its accuracies in percent.

    A shift without a published accuracy is left out. The number of images is not always published,
    so accuracies are taken as exact, and the interval covers only the line's uncertainty.
    """
    return estimate_effective_robustness(
        Accuracy(model["imagenet"] / 100, None),
        {
            shift: None if model[shift] is None else Accuracy(model[shift] / 100, None)
            for shift in shifts
        },
        baseline.lines,
        baseline.resampled,
        confidence=settings.confidence,
        seed=settings.seed,
    )


def leaders(models: Sequence[Model], baseline: FittedLines, confidence: float) -> list[str]:
    """Return the names of the models that may be the most robust, the highest mean first.

    These are the one with the highest mean effective robustness over all shifts, and those whose
    difference from it has an interval that includes 0. The difference is taken on each resampled
    line, so an error of the line that is common to both models cancels; the intervals of the two
    means would overlap because of it. Models to which a line is extrapolated, or that lack a shift,
    are left out.
    """
    judged, values, draws = [], [], []
    for model in models:
        if any(model[shift] is None for shift in TESTBED_SHIFTS):
            continue
        imagenet = model["imagenet"] / 100
        if any(baseline.lines[shift].is_extrapolated(imagenet) for shift in TESTBED_SHIFTS):
            continue
        fitted = [above_line(imagenet, model[s] / 100, baseline.lines[s]) for s in TESTBED_SHIFTS]
        drawn = [
            above_line(imagenet, model[s] / 100, baseline.resampled[s]) for s in TESTBED_SHIFTS
        ]
        judged.append(model["name"])
        values.append(float(np.mean(fitted)))
        draws.append(np.mean(drawn, axis=0))
    order = sorted(range(len(judged)), key=lambda i: (-values[i], judged[i]))
    return [
        judged[i]
        for i in order
        if i == order[0]
        or percentile_interval(
            values[order[0]] - values[i], draws[order[0]] - draws[i], confidence
        ).low
        <= 0
    ]


def robustness(
    model: Mapping[str, Any],
    shifts: Sequence[str],
    baseline: FittedLines,
    settings: Settings,
) -> dict[str, Any]:
    """Return a model's effective robustness per shift, its mean and the mean's interval.

    `extrapolated` lists the shifts whose line is extrapolated to it.
    """
    result = estimate(model, shifts, baseline, settings)
    values = {shift: one.value for shift, one in result.shifts.items()}
    return {
        **values,
        "mean": result.mean.value,
        "low": result.mean.low,
        "high": result.mean.high,
        "extrapolated": list(result.extrapolated),
    }
