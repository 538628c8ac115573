"""Stage `fetch`: bring one dataset into shards, from the source that its entry names."""

from pathlib import Path

from stages.datasets.absent import write_absent
from stages.datasets.entries import Absent, Shards
from stages.settings.datasets import DatasetEntry
from stages.storage.fingerprint import require_fingerprint
from stages.storage.launch import launch
from stages.storage.machine import read_machine
from stages.storage.params import Params
from stages.world.recipe import Recipe, World


def main(key: str) -> None:
    """Draw, download or read dataset `key` into `data/datasets/<key>/`."""
    params = Params()
    item = params.read(f"datasets.{key}", DatasetEntry)
    require_fingerprint("fetch", item.source)
    directory = Path("data/datasets") / key
    if isinstance(item, Absent):
        write_absent(key, directory)
    elif isinstance(item, Recipe):
        from stages.datasets.world_source import write_world_dataset

        world = params.read(f"sources.{item.source}", World)
        write_world_dataset(key, item, world, directory)
    else:
        from stages.datasets.fetching import write_real

        shards = params.read(f"sources.{item.source}", Shards)
        write_real(key, item, shards, directory, read_machine())


if __name__ == "__main__":
    launch(main)
