"""`make prune`: what removed encoders, datasets and comparisons left, shown or removed.

    python -m tools.prune [--yes]

Without --yes nothing is removed. DVC's cache is left as it is, so that branches whose studies have
these entries still find their results.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.config.check import check
from stages.config.params import PARAMS
from stages.config.quantities import KEY
from stages.config.syntax import load_tree
from stages.runtime.errors import InputError
from stages.runtime.launch import launch
from tools.amounts import Amount, size, table, titled, total

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


CACHE = (
    "DVC's cache keeps its copies. `dvc gc --workspace --all-branches --all-tags\n"
    "--all-experiments --dry` says which of its files none of these uses; without --dry it\n"
    "removes them, and so results of older commits: push first what somebody may want again.\n"
)


def main(*arguments: str) -> None:
    """Show what no entry of params.yaml stands for any more, and remove it if asked to."""
    line = argparse.ArgumentParser(prog="python -m tools.prune", description=__doc__)
    line.add_argument("--yes", action="store_true", help="remove it; default: show it only")
    asked = line.parse_args(arguments)
    check(PARAMS)
    stale = find_stale(declared())
    if not stale.outs and not stale.locked:
        sys.stdout.write("Nothing to prune: every result belongs to an entry of params.yaml.\n")
        return
    sys.stdout.write(page(stale))
    if asked.yes:
        remove(stale)
        sys.stdout.write(f"\nAll of it was removed; commit that.\n{CACHE}")
    else:
        sys.stdout.write("\nNothing was removed. `make prune YES=1` removes all of it.\n")


def page(stale: Stale) -> str:
    """Return all that is stale, by what it is, as text."""
    parts = []
    if stale.locked:
        parts.append(titled(f"{LOCK}: entries of no stage", "\n".join(stale.locked)))
    for folder in sorted({path.parts[0] for path in stale.outs}):
        paths = [path for path in stale.outs if path.parts[0] == folder]
        sizes = [Amount(length(path)) for path in paths]
        rows = [(str(path), size(amount)) for path, amount in zip(paths, sizes, strict=True)]
        rows.append(("together", size(total(sizes))))
        parts.append(titled(f"{folder}/: results of no entry", table(("", "size"), rows)))
    return "\n".join(parts)


def length(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; a link counts as nothing."""
    if path.is_symlink():
        return 0
    return sum(file.lstat().st_size for file in files(path))


def files(path: Path) -> Iterable[Path]:
    """Return a file, or all files in a folder."""
    return (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)


def remove(stale: Stale) -> None:
    """Remove the files, then the entries of dvc.lock, which is written as DVC writes it.

    Raises
    ------
    InputError
        Another command of DVC is running; nothing is removed then.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.utils.serialize import modify_yaml

    try:
        with Repo(str(Path.cwd())) as repo, repo.lock:
            for path in stale.outs:
                remove_path(path)
            if stale.locked:
                with modify_yaml(str(LOCK)) as tree:
                    for name in stale.locked:
                        del tree["stages"][name]
    except DvcException as error:
        raise InputError(f"DVC: {' '.join(str(error).split())}") from None


def remove_path(path: Path) -> None:
    """Remove a file, a folder, or a link without what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    launch(main)
