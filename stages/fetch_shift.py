"""Stage `fetch_shift`: read a shift of the study's own from its source and write it as shards."""

from interpreting_clip.datasets.entries import Shards
from interpreting_clip.errors import error_context
from interpreting_clip.study.dataset_entries import DrawnShift, ShiftEntry
from interpreting_clip.synthetic.world import World
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Draw, download or read shift `key`."""
    entry, out = params.read(f"shifts.{key}", ShiftEntry), outputs[f"data/shifts/{key}"]
    # Each branch imports its own code: a drawn shift needs no reader of real shifts.
    with error_context(f"'shifts.{key}'"):
        if isinstance(entry, DrawnShift):
            from interpreting_clip.synthetic.drawn_sets import write_drawn_set

            world = params.read(f"sources.{entry.source}", World)
            write_drawn_set(key, entry, world, out)
        else:
            from interpreting_clip.datasets.sources import write_real_dataset

            shards = params.read(f"sources.{entry.source}", Shards)
            write_real_dataset(key, entry, shards, out, read_machine())
