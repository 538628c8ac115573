"""Stage `summarize_baseline`: the standard models and the line of each shift, in git.

Stage `baseline` may train these models, and outputs in git would keep DVC from its run cache.
"""

from interpreting_clip.formats.json import read_json, write_json
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(_params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write what the report says about the baseline."""
    baseline = read_json(inputs["data/baseline"] / "baseline.json")
    said = ("models", "lines", "abscissa", "chance", "at_chance")
    found = {name: baseline[name] for name in said}
    if "own_models" in baseline:
        found["own_models"] = baseline["own_models"]
    write_json(outputs["plots/baseline.json"], found)
