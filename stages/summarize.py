"""Stage `summarize`: one encoder's measures and the series of its plots, in git."""

from pathlib import Path

from interpreting_clip.datasets.card import is_absent
from interpreting_clip.formats.json import read_json, rounded, write_json
from interpreting_clip.formats.numbers import read_numbers
from interpreting_clip.formats.summary import encoder_metrics, plot_series
from interpreting_clip.formats.tables import read_curve
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

ACCURACIES = ("imagenet", "shifts")
"""The headline numbers that are named after the sets they were measured on."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s headline numbers for DVC's tables, and all that the report reads."""
    concepts = inputs[f"data/concepts/{key}"]
    measured = (
        read_json(inputs[f"data/robustness/{key}"] / "robustness.json"),
        read_json(inputs[f"data/kurtosis/{key}"] / "kurtosis.json"),
        read_json(inputs[f"data/directions/{key}"] / "directions.json"),
        None if is_absent(concepts) else read_json(concepts / "concepts.json"),
    )
    curve = read_curve(inputs[f"data/training/{key}"])
    numbers = {Path(name).parts[1]: read_numbers(inputs[name]) for name in inputs.listed}
    headline = {
        one["headline"]: one["value"]
        for found in numbers.values()
        for one in found.values()
        if one["headline"]
    }
    if params.read("datasets.imagenet_val.source", str) == "world":
        # whoever reads dvc metrics show must not take drawn images for ImageNet's
        headline = {
            f"drawn_{name}" if name in ACCURACIES else name: x for name, x in headline.items()
        }
    write_json(outputs[f"metrics/encoders/{key}.json"], headline, digits=3)
    series = {
        "measures": rounded(encoder_metrics(*measured), 4, "measures"),
        "numbers": {measure: list(found.values()) for measure, found in numbers.items() if found},
        **plot_series(*measured, curve=curve),
    }
    write_json(outputs[f"plots/encoders/{key}.json"], series)
