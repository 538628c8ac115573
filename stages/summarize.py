"""Stage `summarize`: one encoder's results, and its headline numbers, in git."""

from dataclasses import fields
from typing import Any, get_type_hints

import msgspec

from interpreting_clip.datasets.card import is_absent
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.results import read_result
from interpreting_clip.formats.tables import read_curve
from interpreting_clip.measures.result import plain
from interpreting_clip.study.encoder_results import STORED_BY, EncoderResults
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

ACCURACIES = ("imagenet", "shifts")
"""The headline numbers that are named after the sets they were measured on."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s headline numbers for DVC's tables, and all that the report reads."""
    kinds = get_type_hints(EncoderResults)
    found: dict[str, Any] = {}
    for one in fields(EncoderResults):
        folder = inputs[f"data/{STORED_BY.get(one.name, one.name)}/{key}"]
        if one.name == "training":
            points = [point | {"accuracy": 100 * point["accuracy"]} for point in read_curve(folder)]
            found[one.name] = msgspec.convert(points, kinds[one.name])
        elif not is_absent(folder):
            found[one.name] = read_result(
                folder / f"{one.name}.json", kinds[one.name], arrays=False
            )
    results = EncoderResults(**found)
    # Whoever reads `dvc metrics show` must not take drawn images for ImageNet's.
    drawn = params.read("datasets.imagenet_val.source", str) == "world"
    headline = {
        f"drawn_{one.headline}" if drawn and one.headline in ACCURACIES else one.headline: one.value
        for one in results.numbers
        if one.headline
    }
    write_json(outputs[f"metrics/encoders/{key}.json"], headline, digits=3)
    write_json(outputs[f"plots/encoders/{key}.json"], plain(results, without_beside=True))
