"""As fast as DVC gets: repositories of stages that copy one file, with one dependency and output.

A cost beside that of such a repository is what a graph adds to DVC's own.
"""

import json
from pathlib import Path

from benchmarks.tables import run


def write_floor(folder: Path, stages: int, changing: int = 0) -> None:
    """Make a repository of `stages` stages in a new folder, and run none.

    `changing` of them depend on the file `turn`, the rest on the file `still`: a new `turn` makes
    just these stale.
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
