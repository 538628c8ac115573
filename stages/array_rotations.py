"""Stage `array_rotations`: published activations' features against random rotations.

It takes most of the time that `arrays` would, and depends on few of its parameters.
"""

from msgspec.structs import asdict

from interpreting_clip.errors import error_context
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.measures.privileged_basis import Settings, privileged_basis
from interpreting_clip.quantities import Positive, Share
from interpreting_clip.study.measured_arrays import MeasuredArrays, read_given_arrays
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write how the features of entry `key` differ from random directions."""
    entry = params.read(f"arrays.{key}", MeasuredArrays)
    settings = params.read("privileged_basis", Settings)
    file = inputs[entry.file]
    with error_context(file, ValueError), error_context(file, TypeError):
        found = privileged_basis(
            read_given_arrays(file, entry)["activations"],
            outlier_sigma=params.read("kurtosis.outlier_sigma", Positive),
            outlier_share=params.read("kurtosis.outlier_share", Share),
            **asdict(settings),
        )
    write_result(outputs[f"data/array_rotations/{key}"] / "privileged_basis.json", found)
