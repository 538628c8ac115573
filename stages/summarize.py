"""Stage `summarize`: one encoder's measures and the series of its plots, in git."""

from pathlib import Path

from interpreting_clip.datasets.card import is_absent
from interpreting_clip.formats.json import read_json, rounded, write_json
from interpreting_clip.formats.tables import read_curve
from page.summary import encoder_metrics, headline, plot_series
from runner.outputs import open_outputs, write_checksums

DATA = Path("data")


def main(key: str) -> None:
    """Write encoder `key`'s headline numbers for DVC's tables, and all that the report reads."""
    concepts = DATA / "concepts" / key
    inputs = open_outputs(
        *(DATA / name / key for name in ("robustness", "kurtosis", "directions", "training")),
        concepts,
    )
    measured = (
        read_json(DATA / "robustness" / key / "robustness.json"),
        read_json(DATA / "kurtosis" / key / "kurtosis.json"),
        read_json(DATA / "directions" / key / "directions.json"),
        None if is_absent(concepts) else read_json(concepts / "concepts.json"),
    )
    curve = read_curve(DATA / "training" / key)
    inputs.require_whole()
    metrics, series = (
        Path("metrics/encoders") / f"{key}.json",
        Path("plots/encoders") / f"{key}.json",
    )
    measures = encoder_metrics(*measured)
    write_json(metrics, headline(measures), digits=3)
    measures = rounded(measures, 4, "measures")
    write_json(series, {"measures": measures, **plot_series(*measured, curve=curve)})
    write_checksums(series.with_suffix(".sha256"), metrics, series, inputs=inputs)
