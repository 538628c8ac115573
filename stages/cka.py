"""Stage `cka`: how alike two encoders' layers are."""

from pathlib import Path

from stages.measures.cka import cka
from stages.settings.comparison import Comparison
from stages.storage.errors import found_in
from stages.storage.launch import launch
from stages.storage.params import Params
from stages.storage.results import read_json, write_json
from stages.storage.tensors import read_tensors

GRAMS = Path("data/layer_grams")


def main(key: str) -> None:
    """Write comparison `key` into git: every layer of one encoder with every layer of the other."""
    params = Params()
    pair = params.read(f"comparisons.{key}", Comparison)
    rows, columns = GRAMS / pair.first, GRAMS / pair.second
    first, second = read_grams(rows), read_grams(columns)
    with found_in(f"{rows} and {columns}"):
        matrix = cka(first, second)
    result = {"first": pair.first, "second": pair.second, "cka": matrix}
    layers = {"first_layers": list(first), "second_layers": list(second)}
    write_json(Path("plots/comparisons") / f"{key}.json", {**result, **layers})


def read_grams(folder: Path) -> dict:
    """Return an encoder's U-centred Gram matrices by layer, in the order of the layers."""
    arrays = read_tensors(folder / "grams.safetensors")
    return {layer: arrays[layer] for layer in read_json(folder / "card.json")["layers"]}


if __name__ == "__main__":
    launch(main)
