"""What earlier studies left: results and lock entries of instances that no study names any more."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.storage.errors import InputError
from stages.storage.params import load_tree
from stages.storage.quantities import KEY

GRAPH, LOCK = Path("dvc.yaml"), Path("dvc.lock")

INSTANCE = "${key}"
"""What stands for the name of an entry in the path of an output."""


class Declared(NamedTuple):
    """What the present study has: the outputs and the names of the stages."""

    outs: frozenset[Path]
    stages: frozenset[str]


class Stale(NamedTuple):
    """What is left over: outputs, and stages in dvc.lock."""

    outs: list[Path]
    locked: list[str]


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
            outs = frozenset(Path(out.fs_path).relative_to(root) for out in index.outs)
            return Declared(outs, frozenset(getattr(stage, "name", "") for stage in index.stages))
    except DvcException as error:
        raise InputError(f"{GRAPH}: {' '.join(str(error).split())}; nothing was removed") from None


def find_stale(present: Declared) -> Stale:
    """Return what is there, matches an output of the graph and belongs to no entry of the study.

    Whatever is named otherwise than the graph's outputs are was not made by it, and is left out.

    Raises
    ------
    InputError
        dvc.yaml or dvc.lock is no YAML.
    """
    there = {path for template in templates() for path in made(template)}
    entries = load_tree(LOCK).get("stages", {}) if LOCK.exists() else {}
    return Stale(sorted(there - present.outs), sorted(set(entries) - present.stages))


def templates() -> Iterator[str]:
    """Yield the paths of the outputs that stages with many instances have, each with a `${key}`."""
    for stage in load_tree(GRAPH)["stages"].values():
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
