"""Stage `summarize`: one encoder's results, and its headline numbers, in git."""

from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.result import headline_numbers, plain
from interpreting_clip.study.encoder_results import read_encoder_results
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

STAGES = (
    *("robustness", "kurtosis", "layer_outliers", "directions", "pruning", "concepts"),
    "training",
)


def main(key: str, _params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s headline numbers for DVC's tables, and all that the report reads."""
    there = {name: inputs.if_present(f"data/{name}/{key}") for name in STAGES}
    results = read_encoder_results({name: folder for name, folder in there.items() if folder})
    headline = headline_numbers(results)
    if results.robustness.extrapolated:  # no place for its mark
        headline.pop("robust")
    # With two digits and these paths, `dvc metrics show` fits 120 columns and `metrics diff` 80.
    write_json(outputs[f"metrics/{key}.json"], headline, digits=2)
    write_json(outputs[f"plots/encoders/{key}.json"], plain(results, without_beside=True))
