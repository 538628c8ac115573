"""Stage `fetch`: bring one dataset into shards, from the source that its entry names."""

from pathlib import Path

from stages.datasets.world_source import write_world_dataset
from stages.storage.launch import launch
from stages.storage.params import Params
from stages.world.recipe import Recipe, World


def main(key: str) -> None:
    """Draw dataset `key` into `data/datasets/<key>/`."""
    params = Params()
    item = params.read(f"datasets.{key}", Recipe)
    world = params.read(f"sources.{item.source}", World)
    write_world_dataset(key, item, world, Path("data/datasets") / key)


if __name__ == "__main__":
    launch(main)
