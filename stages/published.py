"""Stage `published`: effective robustness of real models, from published accuracies."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages.config.measures import PublishedSettings
from stages.config.params import Params
from stages.config.test_sets import SHIFTS
from stages.files.json import write_json
from stages.files.outputs import write_checksums
from stages.files.published import (
    TESTBED,
    TIMM,
    TIMM_SHIFTS,
    Model,
    accuracy_fractions,
    counterparts,
    distinct_models,
    standard_models,
    timm_models,
    timm_standard_models,
    zoo_models,
)
from stages.files.tables import write_table
from stages.measures.effective_robustness import (
    Accuracy,
    EffectiveRobustness,
    estimate_effective_robustness,
)
from stages.measures.logit_line import LogitLine, ResampledLines, baseline_lines
from stages.reporting.results import Line
from stages.reporting.robustness_tables import (
    BASELINE_COLUMNS,
    PUBLISHED_COLUMNS,
    baseline_rows,
    published_rows,
)
from stages.runtime.errors import error_context
from stages.runtime.launch import launch


@dataclass(frozen=True)
class Baseline:
    """The lines of standard models from ImageNet to the shifts, as fitted and as resampled."""

    lines: dict[str, LogitLine]
    resampled: dict[str, ResampledLines]


def main() -> None:
    """Write both baselines, and the published models' effective robustness in points."""
    params = Params()
    settings = params.read("published", PublishedSettings)
    standard, timm = standard_models(), timm_models()
    every_name = zoo_models()
    zoo, joined = distinct_models(every_name)
    baselines = published_baselines(settings, standard, timm_standard_models(timm))
    testbed = baselines["testbed"]
    encoders = {m["name"]: robustness(m, SHIFTS, testbed, settings) for m in zoo}
    compared: dict[str, dict[str, Any]] = {}
    for m in counterparts(every_name, timm):
        values = {name: robustness(m, TIMM_SHIFTS, b, settings) for name, b in baselines.items()}
        said = {key: m[key] for key in ("data", "training", "note", "imagenet")}
        size = {"image_size": int(m["image_size"])}
        compared.setdefault(m["backbone"], {})[m["name"]] = said | size | values
    lines = {
        name: {shift: asdict(line) for shift, line in baseline.lines.items()}
        for name, baseline in baselines.items()
    }
    result = {
        "lines": lines["testbed"],
        "timm_lines": lines["timm"],
        "encoders": encoders,
        "joined": joined,
        "counterparts": compared,
    }
    found, table = Path("plots/published.json"), Path("plots/published.csv")
    write_json(found, result, digits=4)
    drawn = {
        name: {shift: Line(**line) for shift, line in fitted.items()}
        for name, fitted in lines.items()
    }
    extrapolated = {name: one["extrapolated"] for name, one in encoders.items()}
    rows = published_rows(standard, zoo, drawn["testbed"], extrapolated)
    write_table(table, rows, PUBLISHED_COLUMNS)
    slopes = table.with_name("baselines.csv")
    write_table(slopes, baseline_rows(drawn), BASELINE_COLUMNS)
    write_checksums(table.with_suffix(".sha256"), found, table, slopes)


def published_baselines(
    settings: PublishedSettings, standard: Sequence[Model], timm: Sequence[Model]
) -> dict[str, Baseline]:
    """Fit the lines of the testbed's standard models, and those of timm's ImageNet-1k models."""
    baselines = {}
    for name, file, models, shifts in (
        ("testbed", TESTBED, standard, SHIFTS),
        ("timm", TIMM, timm, TIMM_SHIFTS),
    ):
        with error_context(file, ValueError):
            baselines[name] = Baseline(
                *baseline_lines(
                    accuracy_fractions(models, "imagenet"),
                    {shift: accuracy_fractions(models, shift) for shift in shifts},
                    settings.resamples,
                    settings.seed,
                )
            )
    return baselines


def estimate(
    model: Mapping[str, Any], shifts: Sequence[str], baseline: Baseline, settings: PublishedSettings
) -> EffectiveRobustness:
    """Return a model's effective robustness from its accuracies in percent.

    How many images an accuracy was measured on is not published everywhere: it is taken as exact,
    and the interval is that of the line alone.
    """
    return estimate_effective_robustness(
        Accuracy(model["imagenet"] / 100, None),
        {shift: Accuracy(model[shift] / 100, None) for shift in shifts},
        baseline.lines,
        baseline.resampled,
        confidence=settings.confidence,
        seed=settings.seed,
    )


def robustness(
    model: Mapping[str, Any], shifts: Sequence[str], baseline: Baseline, settings: PublishedSettings
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


if __name__ == "__main__":
    launch(main)
