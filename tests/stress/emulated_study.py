"""Every stage of a small study in one process, for processors that are emulated.

    python -m tests.stress.emulated_study

An emulated process takes half a minute to import torch, so a process per stage, as DVC starts them,
would take an hour. The folder needs the code, the reference tables and params.yaml.
"""

import sys
import time

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.kernels import use_kernels
from runner.graph import read_entry
from runner.run import compute
from tests.reads import GRAPH

ORDER = (
    *("study", "fetch", "weights", "pretrain", "finetune", "supervise", "interpolate"),
    *("head", "extract", "extract_broden", "extract_layers"),
    *("baseline", "robustness", "directions", "kurtosis", "broden_labels", "broden"),
    *("cka", "controls", "summarize", "summarize_baseline", "published", "thumbnails", "browse"),
    "report",
)
"""All stages but `code`, each after those whose results it reads; without `code`, none looks at the
fingerprint of its code."""


def main() -> None:
    """Run the stages, and print what each takes."""
    study = load_tree(PARAMS)
    use_kernels(study["kernels"])
    assert {*ORDER, "code"} == set(GRAPH)
    for stage in ORDER:
        began = time.perf_counter()
        group = GRAPH[stage].get("foreach", "").strip("${}")
        for key in study[group] if group else [""]:
            compute(read_entry(stage, key, study))
        sys.stdout.write(f"{stage} {time.perf_counter() - began:.1f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
