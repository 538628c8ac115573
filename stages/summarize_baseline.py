"""Stage `summarize_baseline`: the standard models and the line of each shift, in git.

Stage `baseline` may train these models, and outputs in git would keep DVC from its run cache.
"""

from interpreting_clip.formats.result_files import read_result, write_result
from interpreting_clip.training.saved_baseline import Baseline
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(_params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write what the report says about the baseline."""
    baseline = read_result(inputs["data/baseline"] / "baseline.json", Baseline)
    write_result(outputs["plots/baseline.json"], baseline)
