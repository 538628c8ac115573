"""Every stage of a small study in one process, for processors that are emulated.

    python -m tests.stress.emulated_study

An emulated process takes half a minute to import torch, so a process per stage, as DVC starts them,
would take an hour. The folder needs the code, the reference tables and params.yaml. What is there
already is not computed again, so that a run which the emulator ended can go on.
"""

from graphlib import TopologicalSorter
from pathlib import Path

from interpreting_clip.config.params import Params
from interpreting_clip.kernels import use_kernels
from runner.graph import StageEntry, loop_entries, read_entry
from runner.run import compute
from tests.reads import GRAPH


def run_stages() -> None:
    """Run all stages but `code`, without which none looks at the fingerprint of its code."""
    study = Params()
    use_kernels(study.tree["kernels"])
    entries = dict[str, StageEntry]()
    for stage in set(GRAPH) - {"code"}:
        for key in loop_entries(GRAPH[stage], study.tree):
            entry = read_entry(stage, key, study.tree)
            entries[entry.name] = entry
    before = {
        name: {
            maker
            for path, maker in entry.makers.items()
            if maker != "code" and any(Path(path).is_relative_to(dep) for dep in entry.deps)
        }
        for name, entry in entries.items()
    }
    for name in TopologicalSorter(before).static_order():
        if not all(Path(out).exists() for out in entries[name].outs):
            compute(entries[name], study)


if __name__ == "__main__":
    run_stages()
