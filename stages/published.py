"""Stage `published`: effective robustness of OpenCLIP's models, from published accuracies."""

from dataclasses import asdict
from pathlib import Path

from stages.config.measures import PublishedSettings
from stages.config.params import Params
from stages.config.test_sets import SHIFTS
from stages.files.json import write_json
from stages.files.outputs import write_checksums
from stages.files.published import TESTBED, Model, accuracy_fractions, standard_models, zoo_models
from stages.files.tables import write_table
from stages.measures.effective_robustness import Accuracy, estimate_effective_robustness
from stages.measures.logit_line import LogitLine, ResampledLines, baseline_lines
from stages.reporting.results import Line
from stages.reporting.robustness_tables import PUBLISHED_COLUMNS, published_rows
from stages.runtime.errors import error_context
from stages.runtime.launch import launch


def main() -> None:
    """Write the baseline lines and every published CLIP's effective robustness, in points."""
    params = Params()
    settings = params.read("published", PublishedSettings)
    standard, zoo = standard_models(), zoo_models()
    accuracies = {shift: accuracy_fractions(standard, shift) for shift in SHIFTS}
    with error_context(TESTBED, ValueError):
        lines, resampled = baseline_lines(
            accuracy_fractions(standard, "imagenet"), accuracies, settings.resamples, settings.seed
        )
    encoders = {m["name"]: robustness(m, lines, resampled, settings) for m in zoo}
    result = {"lines": {s: asdict(line) for s, line in lines.items()}, "encoders": encoders}
    metrics, table = Path("metrics/published.json"), Path("plots/published.csv")
    write_json(metrics, result, digits=4)
    drawn = {shift: Line(**asdict(line)) for shift, line in lines.items()}
    rows = published_rows(standard, zoo, drawn)
    write_table(table, rows, PUBLISHED_COLUMNS)
    write_checksums(table.with_suffix(".sha256"), metrics, table)


def robustness(
    model: Model,
    lines: dict[str, LogitLine],
    resampled: dict[str, ResampledLines],
    settings: PublishedSettings,
) -> dict[str, float]:
    """Return a model's effective robustness per shift, its mean and the mean's interval."""
    known = {name: Accuracy(model[name] / 100, None) for name in ("imagenet", *SHIFTS)}
    result = estimate_effective_robustness(
        known["imagenet"],
        {shift: known[shift] for shift in SHIFTS},
        lines,
        resampled,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    values = {shift: estimate.value for shift, estimate in result.shifts.items()}
    return {**values, "mean": result.mean.value, "low": result.mean.low, "high": result.mean.high}


if __name__ == "__main__":
    launch(main)
