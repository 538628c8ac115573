"""Stage `kurtosis`: statistics of an encoder's features: kurtosis, outlier features, dimensions."""

from msgspec.structs import asdict

from interpreting_clip.config.shifts import TEST_SETS, result_name
from interpreting_clip.encoders.saved_activations import read_card, read_test_sets
from interpreting_clip.encoders.saved_heads import read_head
from interpreting_clip.errors import error_context
from interpreting_clip.formats.result_files import read_result, write_result
from interpreting_clip.measures import participation_ratio, privileged_basis
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import Settings, kurtosis
from interpreting_clip.measures.outlier_axes import outlier_axes
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s statistics on ImageNet's test images, and what its outliers do."""
    settings = params.read("kurtosis", Settings)
    blocks = params.read("participation_ratio", participation_ratio.Settings)
    rotations = params.read("privileged_basis", privileged_basis.Settings)
    folder = inputs[f"data/activations/{key}"]
    tests = {result_name(name): test for name, test in read_test_sets(folder).items()}
    activations = tests[result_name(TEST_SETS[0])].values
    head = read_head(inputs[f"data/heads/{key}"], activations.shape[1])
    file = inputs[f"data/directions/{key}"] / "directions.json"
    directions = read_result(file, PrivilegedDirections)
    representation = read_card(folder)["representation"]
    with error_context(folder / TEST_SETS[0], ValueError):
        result = kurtosis(activations, **asdict(settings), representation=representation)
        dimensions = participation_ratio.participation_ratio(activations, **asdict(blocks))
        basis = privileged_basis.privileged_basis(
            activations,
            outlier_sigma=settings.outlier_sigma,
            outlier_share=settings.outlier_share,
            **asdict(rotations),
            representation=representation,
        )
    with error_context(folder, ValueError):
        axes = outlier_axes(
            tests,
            head=head,
            directions=directions,
            outliers=result.outliers,
            confidence=settings.confidence,
        )
    out = outputs[f"data/kurtosis/{key}"]
    write_result(out / "kurtosis.json", result)
    write_result(out / "outlier_axes.json", axes)
    write_result(out / "participation_ratio.json", dimensions)
    write_result(out / "privileged_basis.json", basis)
