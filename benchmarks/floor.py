"""DVC's minimum: repositories of stages that copy one file, with one dependency and one output.

Comparing a graph with such a repository shows what the graph adds to DVC's own cost.
"""

import json
from pathlib import Path

from benchmarks.tables import run


def write_floor(folder: Path, stages: int, changing: int = 0) -> None:
    """Make a repository of `stages` stages in a new folder, without running them.

    `changing` of them depend on the file `turn`, the others on the file `still`, so a new `turn`
    makes only the former stale.
    """
    new_repository(folder)
    for name in ("turn", "still"):
        (folder / name).write_text(name)
    sources = ["turn"] * changing + ["still"] * (stages - changing)
    graph = {
        f"copy{i}": {"cmd": f"cp {source} out{i}", "deps": [source], "outs": [f"out{i}"]}
        for i, source in enumerate(sources)
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": graph}))


def new_repository(folder: Path) -> None:
    """Make a folder that is a git and DVC repository."""
    folder.mkdir()
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet")
