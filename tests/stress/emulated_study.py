"""Every stage of a small study in one process, for processors that are emulated.

    python -m tests.stress.emulated_study

An emulated process takes half a minute to import torch, so a process per stage, as DVC starts them,
would take an hour. The folder needs the code, the reference tables and params.yaml. What is there
already is not computed again, so that a run which the emulator ended can go on.
"""

import sys
import time
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

from interpreting_clip.config.params import Params
from interpreting_clip.kernels import use_kernels
from runner.graph import StageEntry, loop_entries, read_entry
from runner.run import compute
from tests.reads import GRAPH, body

WRITTEN = {
    path.partition("${")[0]: stage
    for stage in GRAPH
    for part in ("outs", "metrics")
    for out in body(stage).get(part, ())
    for path in ([out] if isinstance(out, str) else out)
}
"""The stage that writes each output, by the output's path up to its key."""


def order() -> list[str]:
    """Return all stages but `code`, each after those whose results it reads.

    Without `code`, none looks at the fingerprint of its code.
    """
    before = {
        stage: {
            writer
            for dep in body(stage).get("deps", ())
            for path, writer in WRITTEN.items()
            if f"{dep}/".startswith(f"{path.removesuffix('/')}/") or path.startswith(f"{dep}/")
        }
        for stage in GRAPH
    }
    # one that trains may start from what another one wrote
    trainings = ["weights", "pretrain", "finetune", "supervise", "interpolate"]
    trainings += ["extract_train", "probe"]
    for place, stage in enumerate(trainings):
        before[stage] = {one for one in before[stage] if one not in trainings[place:]}
        before[stage] |= {*trainings[:place]}
    for stage in set(GRAPH) - {*trainings}:
        if "interpolate" in before[stage]:
            before[stage] |= {*trainings}
    return [stage for stage in TopologicalSorter(before).static_order() if stage != "code"]


def run_stages(made: Path = Path(), after: Callable[[StageEntry], object] = lambda _: None) -> None:
    """Run the stages whose outputs are not all below `made`, and print what each takes.

    `after` is called with the entry of each that ran.
    """
    study = Params()
    use_kernels(study.tree["kernels"])
    for stage in order():
        began = time.perf_counter()
        for key in loop_entries(GRAPH[stage], study.tree):
            entry = read_entry(stage, key, study.tree)
            if not all((made / out).exists() for out in entry.outs):
                compute(entry, study)
                after(entry)
        sys.stdout.write(f"{stage} {time.perf_counter() - began:.1f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run_stages()
