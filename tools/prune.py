"""`make prune`: show or remove what removed encoders, datasets and comparisons left behind.

DVC's cache is not touched, so that branches whose studies still have these entries find their
results.
"""

import argparse
import shutil
import sys
from pathlib import Path

import humanize
from tabulate import tabulate

from interpreting_clip.config.params import PARAMS
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from runner.graph import GRAPH
from tools.cache import LOCK, locked_stages
from tools.fsck import exclusive

KEPT = (
    "DVC's cache keeps its copies. `dvc gc --workspace --all-branches --all-tags\n"
    "--all-experiments --dry` lists the files in it that none of these use. Without --dry it\n"
    "deletes them, and with them results of older commits: push what somebody may want again.\n"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--yes", action="store_true", help="remove it; default: show it only")


def main(*, yes: bool = False) -> None:
    """Show what belongs to no entry of params.yaml, and remove it with `yes`."""
    check(PARAMS)
    paths, entries = stale()
    if not entries:
        sys.stdout.write("Nothing to prune: every result belongs to an entry of params.yaml.\n")
        return
    sizes = [size(path) for path in paths]
    rows = [*zip(paths, map(humanize.naturalsize, sizes), strict=True)]
    rows += [("all", humanize.naturalsize(sum(sizes)))]
    sys.stdout.write("\n".join([f"{LOCK}: entries of no stage", "", *entries, "", ""]))
    sys.stdout.write(f"Results of no entry\n\n{tabulate(rows, ('path', 'size'))}\n\n")
    if yes:
        remove(paths, entries)
        sys.stdout.write(f"All of it was removed; commit that.\n{KEPT}")
    else:
        sys.stdout.write("Nothing was removed. `make prune YES=1` removes all of it.\n")


def stale() -> tuple[list[Path], list[str]]:
    """Return the outputs of the stages in dvc.lock that belong to no entry, and these stages."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(Path.cwd())) as repo:
            root = Path(repo.root_dir)
            outputs = {Path(out.fs_path).relative_to(root) for out in repo.index.outs}
            stages = {getattr(stage, "name", "") for stage in repo.index.stages}
    except DvcException as error:
        raise InputError(f"{GRAPH}: {' '.join(str(error).split())}; nothing was removed") from None
    entries = {name: entry for name, entry in locked_stages(root).items() if name not in stages}
    made = {Path(out["path"]) for entry in entries.values() for out in entry.get("outs", ())}
    return sorted(path for path in made - outputs if path.exists()), sorted(entries)


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; a link counts as 0."""
    if path.is_symlink():
        return 0
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def remove(paths: list[Path], entries: list[str]) -> None:
    """Remove files, folders and entries of dvc.lock."""
    from dvc.utils.serialize import modify_yaml

    with exclusive(Path.cwd()):
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        with modify_yaml(LOCK) as tree:
            for name in entries:
                del tree["stages"][name]
