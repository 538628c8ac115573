"""Stage `fetch`: read one dataset from its source and write it as shards."""

from interpreting_clip.datasets.entries import Absent, Shards
from interpreting_clip.errors import AbsentError
from interpreting_clip.study.dataset_entries import DatasetEntry
from interpreting_clip.synthetic.world import Recipe, World
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Draw, download or read dataset `key`."""
    item = params.read(f"datasets.{key}", DatasetEntry)
    out = outputs[f"data/datasets/{key}"]
    # Each branch imports its own code: a drawn set needs no reader of real sets.
    if isinstance(item, Absent):
        raise AbsentError(key)
    if isinstance(item, Recipe):
        from interpreting_clip.synthetic.drawn_sets import write_drawn_set

        world = params.read(f"sources.{item.source}", World)
        write_drawn_set(key, item, world, out)
    else:
        from interpreting_clip.datasets.sources import write_real_dataset

        shards = params.read(f"sources.{item.source}", Shards)
        write_real_dataset(key, item, shards, out, read_machine())
