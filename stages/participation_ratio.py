"""Stage `participation_ratio`: how many dimensions an encoder's activations use."""

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.errors import error_context
from interpreting_clip.formats.results import write_result
from interpreting_clip.formats.saved_activations import read_activations
from interpreting_clip.measures.participation_ratio import Settings, participation_ratio
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the participation ratio of encoder `key`'s activations on ImageNet's test images."""
    settings = params.read("participation_ratio", Settings)
    folder = inputs[f"data/activations/{key}"]
    values = read_activations(folder, TEST_SETS[0]).values
    with error_context(folder / TEST_SETS[0], ValueError):
        result = participation_ratio(values, settings=settings)
    write_result(outputs[f"data/participation_ratio/{key}"] / "participation_ratio.json", result)
