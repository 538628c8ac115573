"""`make fsck`: find damaged files in DVC's cache, and what a killed DVC has left unfinished.

Reads every byte of the cache, since DVC trusts an object that it has made read-only: it links,
checks out and pushes the object, whatever its bytes are by then. Changes nothing and exits 1 if it
finds something. With `--mend`, it replaces what is whole in the workspace and deletes the rest, as
DVC never replaces a file that exists.
"""

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from interpreting_clip.errors import InputError
from runner.inputs import content_md5, file_md5, files_below, folder_listing
from tools.cache import Cache, locked_outputs, open_cache

REST = "Then `dvc pull` (from a remote, if there is one) or `dvc repro` brings back the rest."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--mend", action="store_true", help="delete damaged files")


def main(*, mend: bool = False) -> None:
    """Read the whole cache and report damage; with `mend`, delete damaged files."""
    root = Path.cwd()
    cache = open_cache(root)
    objects = cached_objects(cache)
    damaged, whole = examine(root, cache, objects)
    faults = dict.fromkeys(damaged, "damaged: its bytes have another MD5")
    faults |= dict.fromkeys(leftovers(cache), "unfinished: DVC was killed while it wrote it")
    for file, what in faults.items():
        sys.stdout.write(f"{os.path.relpath(file)}: {what}\n")
    sys.stdout.write(f"Objects: {len(objects)}, faults: {len(faults) or 'none'}\n")
    if mend and faults:
        with exclusive(root):
            delete([*damaged, *leftovers(cache)])  # again: a run may have ended since
            restore(cache, whole)
        sys.stdout.write(f"Deleted, {len(whole)} restored from the workspace. {REST}\n")
    elif faults:
        sys.exit(f"`make fsck MEND=1` deletes them, or restores them from the workspace. {REST}")


def examine(
    root: Path, cache: Cache, objects: dict[str, Path]
) -> tuple[list[Path], dict[str, Path]]:
    """Return the damaged among some objects, with the workspace's links to them, and whole copies.

    The copies are files and folders of the workspace, by the MD5 of the damaged object.
    """
    rotten = rotten_objects(objects)
    damaged, whole = [objects[md5] for md5 in rotten], {}
    for md5, copy in workspace_copies(root, cache, rotten):
        if (got := content_md5(copy)) == md5:
            whole[md5] = copy
        elif got == rotten[md5]:  # a link to the object
            damaged.append(copy)
    return damaged, whole


def restore(cache: Cache, whole: dict[str, Path]) -> None:
    """Write objects again from whole files, and listings from whole folders."""
    for md5, copy in whole.items():
        if copy.is_dir():
            files = {file.relative_to(copy).as_posix(): file for file in files_below(copy)}
            listing = folder_listing({name: file_md5(file) for name, file in files.items()})
            cache.file(md5).write_bytes(listing)
        else:
            shutil.copyfile(copy, cache.file(md5))
        cache.file(md5).chmod(0o444)


def cached_objects(cache: Cache) -> dict[str, Path]:
    """Return the objects of the cache by MD5; other files are left from interrupted copies."""
    files = {file.parent.name + file.name: file for file in files_below(cache.objects)}
    return {md5: file for md5, file in files.items() if re.fullmatch(r"[0-9a-f]{32}(\.dir)?", md5)}


def rotten_objects(objects: dict[str, Path]) -> dict[str, str]:
    """Return the MD5s whose object has other bytes, with the MD5 of these."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        actual = dict(zip(objects, pool.map(file_md5, objects.values()), strict=True))
    return {md5: got for md5, got in actual.items() if got != md5[:32]}


def workspace_copies(root: Path, cache: Cache, md5s: Collection[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files and folders of the workspace that dvc.lock records with these MD5s."""
    for output in locked_outputs(root) if md5s else ():
        if output.md5 in md5s and (folder := root / output.path).is_dir():
            yield output.md5, folder
        for name, md5 in (cache.members(output.md5) or {"": output.md5}).items():
            if md5 in md5s and (file := root / output.path / name).is_file():
                yield md5, file


def leftovers(cache: Cache) -> list[Path]:
    """Return what a killed DVC, or a full disk, has left that the next run of DVC fails on.

    DVC takes the newest file of a folder of runs, even a temporary one, and expects one there; and
    it does not read a list of processes that ends too early.
    """
    found = []
    for folder in filter(Path.is_dir, cache.runs.glob("*/*")):
        entries = [*folder.iterdir()]
        unfinished = [file for file in entries if file.suffix == ".tmp"]
        found += [*unfinished, folder] if unfinished == entries else unfinished
    try:
        whole = isinstance(json.loads(cache.processes.read_bytes()), dict)
    except FileNotFoundError:
        whole = True
    except ValueError:
        whole = False
    return found if whole else [*found, cache.processes]


def delete(paths: Iterable[Path]) -> None:
    """Delete files, and folders that are empty by then."""
    for path in paths:
        path.rmdir() if path.is_dir() else path.unlink()


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold DVC's lock, so that nothing is deleted while a DVC command runs."""
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo, repo.lock:
            yield
    except LockError:
        raise InputError(f"{root}: a DVC command is running; wait until it ends") from None
