"""Stage `cka`: how similar the layers of two encoders are."""

from pathlib import Path

from interpreting_clip.config.encoders import Comparison
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.measures.cka import cka
from runner.listed_params import ListedParams
from runner.outputs import Inputs, Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write comparison `key`: the CKA of every layer of one encoder with every layer of another."""
    pair = params.read(f"comparisons.{key}", Comparison)
    rows, columns = (inputs[f"data/layer_grams/{one}"] for one in (pair.first, pair.second))
    first, second = read_grams(rows), read_grams(columns)
    with error_context(f"{rows} and {columns}", ValueError):
        matrix = cka(first, second)
    result = {"first": pair.first, "second": pair.second, "cka": matrix}
    layers = {"first_layers": list(first), "second_layers": list(second)}
    write_json(outputs[f"plots/comparisons/{key}.json"], {**result, **layers})


def read_grams(folder: Path) -> dict:
    """Return an encoder's U-centred Gram matrices by layer, in the order of the layers."""
    arrays = read_tensors(folder / "grams.safetensors")
    return {layer: arrays[layer] for layer in read_json(folder / "card.json")["layers"]}
