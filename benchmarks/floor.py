"""DVC's minimum: repositories of stages that copy one file, with one dependency and one output.

Comparing a graph with such a repository shows what the graph adds to DVC's own cost.
"""

import json
from pathlib import Path

from benchmarks.tables import run


def write_floor(folder: Path, stages: int) -> None:
    """Make a repository of `stages` stages in a new folder, without running them."""
    new_repository(folder)
    (folder / "original").write_text("original")
    graph = {
        f"copy{i}": {"cmd": f"cp original out{i}", "deps": ["original"], "outs": [f"out{i}"]}
        for i in range(stages)
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": graph}))


def new_repository(folder: Path) -> None:
    """Make a folder that is a git and DVC repository."""
    folder.mkdir()
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet")
