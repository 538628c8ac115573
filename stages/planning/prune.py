"""`make prune`: what removed encoders, datasets and comparisons left, shown or removed.

    python -m stages.planning.prune [--yes]

Without --yes nothing is removed. DVC's cache is left as it is, so that branches whose studies have
these entries still find their results.
"""

import argparse
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from stages.planning.amounts import Amount, size, total
from stages.planning.stale import LOCK, Stale, declared, find_stale
from stages.planning.text_table import table, titled
from stages.settings.check import check
from stages.storage.errors import InputError
from stages.storage.launch import launch
from stages.storage.params import PARAMS

CACHE = (
    "DVC's cache keeps its copies. `dvc gc --workspace --all-branches --all-tags\n"
    "--all-experiments --dry` says which of its files none of these uses; without --dry it\n"
    "removes them, and so results of older commits: push first what somebody may want again.\n"
)


def main(*arguments: str) -> None:
    """Show what no entry of params.yaml stands for any more, and remove it if asked to."""
    line = argparse.ArgumentParser(prog="python -m stages.planning.prune", description=__doc__)
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
