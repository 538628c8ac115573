"""`make prune`: show or remove what removed encoders, datasets and comparisons left behind.

    python -m tools.prune [--yes]

Without --yes nothing is removed. DVC's cache is not touched, so that branches whose studies still
have these entries find their results.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import humanize
from tabulate import tabulate

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.quantities import KEY
from interpreting_clip.study.check import check
from runner.graph import GRAPH, OUTPUTS
from runner.process import launch

LOCK = Path("dvc.lock")

INSTANCE = "${key}"
"""The placeholder for an entry's name in the path of an output."""

CACHE = (
    "DVC's cache keeps its copies. `dvc gc --workspace --all-branches --all-tags\n"
    "--all-experiments --dry` lists the files in it that none of these use. Without --dry it\n"
    "deletes them, and with them results of older commits: push what somebody may want again.\n"
)


def main(*arguments: str) -> None:
    """Show what belongs to no entry of params.yaml, and remove it with --yes."""
    parser = argparse.ArgumentParser(prog="python -m tools.prune", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="remove it; default: show it only")
    options = parser.parse_args(arguments)
    check(PARAMS)
    paths, entries = stale()
    if not paths and not entries:
        sys.stdout.write("Nothing to prune: every result belongs to an entry of params.yaml.\n")
        return
    sizes = [size(path) for path in paths]
    rows = [*zip(paths, sizes, strict=True), ("all", sum(sizes))] if paths else []
    shown = [(path, humanize.naturalsize(number)) for path, number in rows]
    for title, body in {
        f"{LOCK}: entries of no stage": "\n".join(map(one_line, entries)),
        "Results of no entry": tabulate(
            shown, ("path", "size"), colalign=("left", "right"), disable_numparse=True
        ),
    }.items():
        if body:
            sys.stdout.write(f"{title}\n\n{body}\n\n")
    if options.yes:
        remove(paths, entries)
        sys.stdout.write(f"All of it was removed; commit that.\n{CACHE}")
    else:
        sys.stdout.write("Nothing was removed. `make prune YES=1` removes all of it.\n")


def stale() -> tuple[list[Path], list[str]]:
    """Return the outputs and the stages in dvc.lock that belong to no entry of the study.

    Only paths that an output in dvc.yaml could have, for some legal name of an entry, are returned:
    files with other paths were not made by the graph.

    Raises
    ------
    InputError
        dvc.yaml or dvc.lock is not YAML, or DVC cannot interpret it.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(Path.cwd())) as repo:
            root = Path(repo.root_dir)
            outputs = {Path(out.fs_path).relative_to(root) for out in repo.index.outs}
            stages = {getattr(stage, "name", "") for stage in repo.index.stages}
    except DvcException as error:
        raise InputError(f"{GRAPH}: {' '.join(str(error).split())}; nothing was removed") from None
    entries = load_tree(LOCK).get("stages", {}) if LOCK.exists() else {}
    return sorted({*instances()} - outputs), sorted(entries.keys() - stages)


def instances() -> Iterator[Path]:
    """Yield existing paths that could be an instance of an output whose path has `${key}`."""
    for stage in load_tree(GRAPH)["stages"].values():
        body = stage.get("do", {})
        for out in (out for part in OUTPUTS for out in body.get(part, ())):
            template = out if isinstance(out, str) else next(iter(out))
            before, _, after = template.partition(INSTANCE)
            for path in Path(before).iterdir() if Path(before).is_dir() else ():
                if path.name.endswith(after) and re.match(KEY, path.name.removesuffix(after)):
                    yield path


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; a link counts as 0."""
    if path.is_symlink():
        return 0
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def remove(paths: list[Path], entries: list[str]) -> None:
    """Remove files, folders, links (not what they point to) and entries of dvc.lock.

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
            for path in paths:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            if entries:
                with modify_yaml(str(LOCK)) as tree:
                    for name in entries:
                        del tree["stages"][name]
    except DvcException as error:
        raise InputError(f"DVC: {' '.join(str(error).split())}") from None


if __name__ == "__main__":
    launch(main)
