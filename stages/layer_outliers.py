"""Stage `layer_outliers`: outlier features and massive activations of an encoder's layers."""

from interpreting_clip.arrays.pooled_layer import layers_in
from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.kurtosis import Settings
from interpreting_clip.measures.layer_outliers import layer_outliers
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the outliers of encoder `key`'s layers, on the images of `extract_layers`."""
    settings = params.read("kurtosis", Settings)
    folder = inputs[f"data/layer_activations/{key}"]
    order = read_json(folder / "card.json")["layers"]
    with error_context(folder, ValueError):
        result = layer_outliers(
            layers_in(read_tensors(folder / "layers.safetensors"), order),
            outlier_sigma=settings.outlier_sigma,
            outlier_share=settings.outlier_share,
            resamples=settings.resamples,
            seed=settings.seed,
            confidence=settings.confidence,
        )
    # A list, since JSON here has its keys sorted, and the layers have an order.
    layers = list(result.layers.values())
    write_result(outputs[f"data/layer_outliers/{key}"] / "layer_outliers.json", layers)
