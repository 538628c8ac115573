"""Stage `summarize`: one encoder's results, and its headline numbers, in git."""

from interpreting_clip.formats.json import write_json
from interpreting_clip.measures.result import plain
from interpreting_clip.study.encoder_results import read_encoder_results
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

STAGES = ("robustness", "kurtosis", "directions", "concepts", "training")

ACCURACIES = ("imagenet", "shifts")
"""The headline numbers that are named after the sets they were measured on."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s headline numbers for DVC's tables, and all that the report reads."""
    there = {name: inputs.if_present(f"data/{name}/{key}") for name in STAGES}
    results = read_encoder_results({name: folder for name, folder in there.items() if folder})
    # Whoever reads `dvc metrics show` must not take drawn images for ImageNet's.
    drawn = params.read("datasets.imagenet_val.source", str) == "world"
    headline = {
        f"drawn_{one.headline}" if drawn and one.headline in ACCURACIES else one.headline: one.value
        for one in results.numbers
        if one.headline
    }
    write_json(outputs[f"metrics/encoders/{key}.json"], headline, digits=3)
    write_json(outputs[f"plots/encoders/{key}.json"], plain(results, without_beside=True))
