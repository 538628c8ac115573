"""Stage `untrained`: what the measures of features find in untrained encoders of one backbone."""

from dataclasses import asdict

import numpy as np
from jaxtyping import Float

from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.measures.kurtosis import kurtosis
from interpreting_clip.measures.participation_ratio import Settings, participation_ratio
from interpreting_clip.measures.privileged_basis import basis_numbers
from interpreting_clip.quantities import Positive, Share
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write each measure's numbers of all untrained encoders of backbone `key`, in their order."""
    settings = params.read("participation_ratio", Settings)
    sigma = params.read("kurtosis.outlier_sigma", Positive)
    share = params.read("kurtosis.outlier_share", Share)
    robust = params.read("privileged_basis.robust_deviations", Positive)
    folder = inputs[f"data/untrained_activations/{key}"]
    activations = read_tensors(folder / "activations.safetensors", "activations")["activations"]
    with error_context(folder, ValueError):
        found = [
            {
                **asdict(basis_numbers(values, sigma, share, robust)),
                "centred_kurtosis": centred_kurtosis(values),
                "dimensions": participation_ratio(values, settings=settings).dimensions.value,
            }
            for values in activations
        ]
    result = {
        "representation": read_json(folder / "card.json")["representation"],
        "images": activations.shape[1],
        "numbers": {name: [one[name] for one in found] for name in found[0]},
    }
    write_json(outputs[f"plots/untrained/{key}.json"], result)


def centred_kurtosis(values: Float[np.ndarray, "image feature"]) -> float | None:
    """Return the mean kurtosis of the images minus the mean image; None if one is its equal."""
    found = kurtosis(values).centred
    return found and found.value
