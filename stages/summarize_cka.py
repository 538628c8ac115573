"""Stage `summarize_cka`: one comparison's matrix for the report, in git."""

from pathlib import Path

from stages.storage.launch import launch
from stages.storage.results import read_json, write_json


def main(key: str) -> None:
    """Write what comparison `key` found."""
    result = read_json(Path("data/cka") / key / "cka.json")
    write_json(Path("plots/comparisons") / f"{key}.json", result)


if __name__ == "__main__":
    launch(main)
