"""Stage `privileged_basis`: whether an encoder's features differ from random directions."""

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.errors import error_context
from interpreting_clip.formats.results import write_result
from interpreting_clip.formats.saved_activations import read_activations
from interpreting_clip.measures.privileged_basis import Settings, privileged_basis
from interpreting_clip.quantities import Positive, Share
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write how encoder `key`'s features on ImageNet's test images differ from rotated ones."""
    settings = params.read("privileged_basis", Settings)
    sigma = params.read("kurtosis.outlier_sigma", Positive)
    share = params.read("kurtosis.outlier_share", Share)
    folder = inputs[f"data/activations/{key}"]
    values = read_activations(folder, TEST_SETS[0]).values
    with error_context(folder / TEST_SETS[0], ValueError):
        result = privileged_basis(
            values, outlier_sigma=sigma, outlier_share=share, settings=settings
        )
    write_result(outputs[f"data/privileged_basis/{key}"] / "privileged_basis.json", result)
