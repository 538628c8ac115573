"""Stage `fetch`: read one dataset from its source and write it as shards."""

from pathlib import Path

from interpreting_clip.config.datasets import Absent, DatasetEntry, Shards
from interpreting_clip.config.params import Params
from interpreting_clip.config.synthetic import Recipe, World
from interpreting_clip.datasets.card import write_absent
from runner.fingerprint import require_fingerprint
from runner.machine import read_machine


def main(key: str) -> None:
    """Draw, download or read dataset `key` into `data/datasets/<key>/`."""
    params = Params()
    item = params.read(f"datasets.{key}", DatasetEntry)
    require_fingerprint("fetch", item.source)
    directory = Path("data/datasets") / key
    if isinstance(item, Absent):
        write_absent(key, directory)
    elif isinstance(item, Recipe):
        from interpreting_clip.synthetic.drawn_sets import write_drawn_set

        world = params.read(f"sources.{item.source}", World)
        write_drawn_set(key, item, world, directory)
    else:
        from interpreting_clip.datasets.sources import write_real_dataset

        shards = params.read(f"sources.{item.source}", Shards)
        write_real_dataset(key, item, shards, directory, read_machine())
