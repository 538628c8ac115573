"""Stage `untrained`: what the measures of features find in untrained encoders of one backbone."""

import numpy as np
from jaxtyping import Float
from msgspec.structs import asdict

from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures import participation_ratio
from interpreting_clip.measures.kurtosis import Settings, kurtosis
from interpreting_clip.quantities import Positive, Share
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write each measure's numbers of all untrained encoders of backbone `key`, in their order."""
    blocks = params.read("participation_ratio", participation_ratio.Settings)
    settings = Settings(
        outlier_sigma=params.read("kurtosis.outlier_sigma", Positive),
        outlier_share=params.read("kurtosis.outlier_share", Share),
    )
    folder = inputs[f"data/untrained_activations/{key}"]
    activations = read_tensors(folder / "activations.safetensors", "activations")["activations"]
    with error_context(folder, ValueError):
        by_encoder = [numbers(values, settings, blocks) for values in activations]
    result = {
        "representation": read_json(folder / "card.json")["representation"],
        "images": activations.shape[1],
        "numbers": {name: [encoder[name] for encoder in by_encoder] for name in by_encoder[0]},
    }
    write_json(outputs[f"plots/untrained/{key}.json"], result)


def numbers(
    values: Float[np.ndarray, "image feature"],
    settings: Settings,
    blocks: participation_ratio.Settings,
) -> dict[str, float | int | None]:
    """Return one encoder's numbers; no kurtosis minus the mean image if an image equals it."""
    result = kurtosis(values, **asdict(settings))
    return {
        "kurtosis": result.kurtosis.value,
        "outlier_features": result.outliers.outlier_features,
        "centred_kurtosis": result.centred.value if result.centred else None,
        "dimensions": participation_ratio.participation_ratio(
            values, **asdict(blocks)
        ).dimensions.value,
    }
