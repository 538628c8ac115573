"""Stage `cka`: how alike two encoders' layers are."""

from pathlib import Path

from stages.measures.cka import cka
from stages.storage.errors import found_in
from stages.storage.launch import launch
from stages.storage.results import read_json, write_json
from stages.storage.tensors import read_tensors


def main(key: str, rows: str, columns: str) -> None:
    """Write comparison `key`: every layer of one encoder with every layer of the other.

    `rows` and `columns` are the folders of the encoders' Gram matrices.
    """
    first, second = read_grams(Path(rows)), read_grams(Path(columns))
    with found_in(f"{rows} and {columns}"):
        matrix = cka(first, second)
    result = {"first": Path(rows).name, "second": Path(columns).name, "cka": matrix}
    layers = {"first_layers": list(first), "second_layers": list(second)}
    write_json(Path("data/cka") / key / "cka.json", {**result, **layers})


def read_grams(folder: Path) -> dict:
    """Return an encoder's U-centred Gram matrices by layer, in the order of the layers."""
    arrays = read_tensors(folder / "grams.safetensors")
    return {layer: arrays[layer] for layer in read_json(folder / "card.json")["layers"]}


if __name__ == "__main__":
    launch(main)
