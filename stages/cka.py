"""Stage `cka`: how similar the layers of two encoders are."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from interpreting_clip.config.encoders import Comparison
from interpreting_clip.errors import error_context
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.measures.cka import minibatch_cka
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


class Grams(NamedTuple):
    """An encoder's U-centred Gram matrices by layer, in order: of all features, without outliers.

    `outliers` has the most outlier features of each layer in any minibatch.
    """

    whole: dict[str, np.ndarray]
    rest: dict[str, np.ndarray]
    outliers: list[int]


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write comparison `key`: the CKA of every layer of one encoder with every layer of another.

    `without_outliers` is CKA without the outlier features of either layer, None where nothing else
    varies.
    """
    pair = params.read(f"comparisons.{key}", Comparison)
    rows, columns = (inputs[f"data/layer_grams/{one}"] for one in (pair.first, pair.second))
    first, second = read_grams(rows), read_grams(columns)
    with error_context(f"{rows} and {columns}", ValueError):
        whole = minibatch_cka(first.whole, second.whole)
        rest = minibatch_cka(first.rest, second.rest, nan_if_constant=True)
    result = {
        "first": pair.first,
        "second": pair.second,
        "first_layers": list(first.whole),
        "second_layers": list(second.whole),
        "first_outliers": first.outliers,
        "second_outliers": second.outliers,
        "cka": whole,
        "without_outliers": [[None if math.isnan(x) else x for x in row] for row in rest.tolist()],
    }
    write_json(outputs[f"plots/comparisons/{key}.json"], result)


def read_grams(folder: Path) -> Grams:
    """Return what `extract_layers` wrote; a layer without outliers has one matrix for both."""
    card = read_json(folder / "card.json")
    whole = read_tensors(folder / "grams.safetensors")
    rest = whole | read_tensors(folder / "without_outliers.safetensors")
    return Grams(
        {layer: whole[layer] for layer in card["layers"]},
        {layer: rest[layer] for layer in card["layers"]},
        card["outliers"],
    )
