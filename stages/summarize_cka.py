"""Stage `summarize_cka`: one comparison's series for the report, in git."""

from pathlib import Path

from stages.settings.comparison import Comparison
from stages.storage.launch import launch
from stages.storage.params import Params
from stages.storage.results import read_json, write_json


def main(key: str) -> None:
    """Write comparison `key` with the names of its encoders."""
    params = Params()
    item = params.read(f"comparisons.{key}", Comparison)
    labels = {
        "first_label": params.read(f"encoders.{item.first}.label", str),
        "second_label": params.read(f"encoders.{item.second}.label", str),
    }
    result = read_json(Path("data/cka") / key / "cka.json")
    write_json(Path("plots/comparisons") / f"{key}.json", {**result, **labels})


if __name__ == "__main__":
    launch(main)
