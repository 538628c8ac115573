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
    """Write the CKA of every layer of one encoder of the comparison with every one of the other."""
    params = Params()
    item = params.read(f"comparisons.{key}", Comparison)
    first, second = read_grams(item.first), read_grams(item.second)
    with found_in(f"{GRAMS / item.first} and {GRAMS / item.second}"):
        matrix = cka(first, second)
    result = {"first": item.first, "second": item.second, "cka": matrix}
    layers = {"first_layers": list(first), "second_layers": list(second)}
    write_json(Path("data/cka") / key / "cka.json", {**result, **layers})


def read_grams(encoder: str) -> dict:
    """Return an encoder's U-centred Gram matrices by layer, in the order of the layers."""
    arrays = read_tensors(GRAMS / encoder / "grams.safetensors")
    return {layer: arrays[layer] for layer in read_json(GRAMS / encoder / "card.json")["layers"]}


if __name__ == "__main__":
    launch(main)
