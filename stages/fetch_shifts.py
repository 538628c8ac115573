"""Stage `fetch_shifts`: read the study's own shifts from their sources and write them as shards.

One stage for all of them, since a dependency in dvc.yaml is one path and `extract` needs each.
"""

from interpreting_clip.errors import error_context
from interpreting_clip.formats.shift_folders import write_shift_names
from interpreting_clip.study.dataset_entries import DrawnShift, Shifts, Sources
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Draw, download or read every shift of `shifts:`; without one, write an empty list."""
    shifts = params.read("shifts", Shifts)
    sources = params.read("sources", Sources)
    out = outputs["data/shifts"]
    for key, entry in shifts.items():
        folder, settings = out / key, getattr(sources, entry.source)
        folder.mkdir()
        # Imported here: most studies have no shift of their own, and this takes a moment.
        with error_context(f"'shifts.{key}'"):
            if isinstance(entry, DrawnShift):
                from interpreting_clip.synthetic.drawn_sets import write_drawn_set

                write_drawn_set(key, entry, settings, folder)
            else:
                from interpreting_clip.datasets.sources import write_real_dataset

                write_real_dataset(key, entry, settings, folder, read_machine())
    write_shift_names(out, list(shifts))
