"""Stage `cka`: how similar the layers of two encoders are."""

from pathlib import Path

from interpreting_clip.config.encoders import Comparison
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.results import write_result
from interpreting_clip.measures.cka import layer_cka
from interpreting_clip.measures.grams import LayerGrams
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write comparison `key`: the CKA of every layer of one encoder with every layer of another."""
    pair = params.read(f"comparisons.{key}", Comparison)
    rows, columns = (inputs[f"data/layer_grams/{one}"] for one in (pair.first, pair.second))
    first, second = read_grams(rows), read_grams(columns)
    with error_context(f"{rows} and {columns}", ValueError):
        result = layer_cka(first, second, keys=(pair.first, pair.second))
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
