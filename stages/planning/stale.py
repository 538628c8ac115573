"""What earlier studies left: results and lock entries of instances that no study names any more."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stages.storage.errors import InputError
from stages.storage.params import load_tree
from stages.storage.quantities import KEY

GRAPHS = (Path("dvc.yaml"), Path("stages/dvc.yaml"))
"""The files of the graph; the lock file of each stands beside it."""

INSTANCE = "${key}"
"""What stands for the name of an entry in the path of an output."""


class Declared(NamedTuple):
    """What the present study has: the outputs, and the names of the stages of each graph file."""

    outs: frozenset[Path]
    stages: Mapping[Path, frozenset[str]]


class Stale(NamedTuple):
    """What is left over: outputs, and stages by lock file."""

    outs: list[Path]
    locked: dict[Path, list[str]]


def declared() -> Declared:
    """Return what DVC makes of the graph and params.yaml.

    Raises
    ------
    InputError
        It cannot make anything of them.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(Path.cwd())) as repo:
            index, root = repo.index, Path(repo.root_dir)
            outs = {Path(out.fs_path).relative_to(root) for out in index.outs}
            names = [(Path(s.path).relative_to(root), getattr(s, "name", "")) for s in index.stages]
    except DvcException as error:
        raise InputError(f"dvc.yaml: {' '.join(str(error).split())}; nothing was removed") from None
    stages = {file: frozenset(n for at, n in names if at == file) for file in GRAPHS}
    return Declared(frozenset(outs), stages)


def find_stale(present: Declared) -> Stale:
    """Return what is there, matches an output of the graph and belongs to no entry of the study.

    Whatever is named otherwise than the graph's outputs are was not made by it, and is left out.

    Raises
    ------
    InputError
        A file of the graph or a lock file is no YAML.
    """
    there = {path for graph in GRAPHS for template in templates(graph) for path in made(template)}
    locked = {}
    for graph in GRAPHS:
        lock = graph.with_suffix(".lock")
        entries = load_tree(lock).get("stages", {}) if lock.exists() else {}
        locked[lock] = sorted(set(entries) - present.stages[graph])
    return Stale(sorted(there - present.outs), {k: v for k, v in locked.items() if v})


def templates(graph: Path) -> Iterator[str]:
    """Yield the paths of the outputs that stages with many instances have, each with a `${key}`."""
    for stage in load_tree(graph)["stages"].values():
        body: dict[str, Any] = stage.get("do", {})
        for part in ("outs", "metrics", "plots"):
            for out in body.get(part, ()):
                yield out if isinstance(out, str) else next(iter(out))


def made(template: str) -> Iterator[Path]:
    """Yield the files or folders that a template could have given, with any legal name."""
    before, _, after = template.partition(INSTANCE)
    folder = Path(before)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.endswith(after) and re.match(KEY, path.name.removesuffix(after)):
            yield path
