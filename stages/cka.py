"""Stage `cka`: how similar two encoders are, layer by layer and in their activations."""

from pathlib import Path

from msgspec.structs import asdict

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.encoders.encoder_entries import Comparison
from interpreting_clip.encoders.saved_activations import read_activations
from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.cka import layer_cka
from interpreting_clip.measures.mutual_neighbours import Settings, mutual_neighbours
from interpreting_clip.statistics.grams import LayerGrams
from interpreting_clip.study.comparison_results import ComparisonResults
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write comparison `key`: CKA of all layers, and what is measured of the activations."""
    pair = params.read(f"comparisons.{key}", Comparison)
    rows, columns = (inputs[f"data/layer_grams/{name}"] for name in (pair.first, pair.second))
    first, second = read_grams(rows), read_grams(columns)
    with error_context(f"{rows} and {columns}", ValueError):
        layers = layer_cka(first, second, keys=(pair.first, pair.second))
    folders = [inputs[f"data/activations/{name}"] for name in (pair.first, pair.second)]
    images = [read_activations(folder, TEST_SETS[0]).values for folder in folders]
    settings = params.read("mutual_neighbours", Settings)
    with error_context(" and ".join(map(str, folders)), ValueError):
        neighbours = mutual_neighbours(*images, **asdict(settings))
    result = ComparisonResults(cka=layers, mutual_neighbours=neighbours)
    write_result(outputs[f"plots/comparisons/{key}.json"], result)


def read_grams(folder: Path) -> LayerGrams:
    """Return what `extract_layers` wrote, in the order of the layers."""
    card = read_json(folder / "card.json")
    whole = read_tensors(folder / "grams.safetensors")
    return LayerGrams(
        {layer: whole[layer] for layer in card["layers"]},
        read_tensors(folder / "without_outliers.safetensors"),
        dict(zip(card["layers"], card["outliers"], strict=True)),
    )
