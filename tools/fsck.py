"""`make fsck`: find damaged files in DVC's cache, the outputs that need them, and the repair.

    python -m tools.fsck [--mend]

Reads every byte of the cache, since DVC trusts an object that it has made read-only: it links,
checks out and pushes the object, whatever its bytes are by then. Exits 0 if nothing is damaged, 1
otherwise. Changes nothing, except that `--mend` deletes damaged files: DVC never replaces a file
that exists.
"""

import argparse
import json
import os
import re
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from runner.process import launch
from runner.recorded import file_md5, folder_md5
from tools.cache import LOCK, Cache, Output, files_below, locked_outputs, open_cache

OBJECT = re.compile(r"([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)")
"""The path of an object in the cache, from the MD5 of its bytes; `.dir` is a folder's listing."""

WHOLE, OTHER = "whole", "other bytes"


@dataclass(frozen=True)
class Fault:
    """A file that is damaged or missing, or an empty folder.

    An object has the outputs that need it, each with the state of the workspace's copy.
    """

    file: Path
    what: str
    uses: tuple[tuple[Output, str], ...] = ()


@dataclass(frozen=True)
class Findings:
    """All faults, and how much was read."""

    faults: list[Fault]
    objects: int
    runs: int

    @property
    def uses(self) -> list[tuple[Output, str]]:
        """The outputs that need the faulty objects."""
        return [use for fault in self.faults for use in fault.uses]

    def damaged_files(self, root: Path) -> list[Path]:
        """Return the files that have to be deleted before DVC writes new ones in their place."""
        damaged = [fault.file for fault in self.faults if fault.file.exists()]
        paths = [root / output.path for output, copy in self.uses if copy == OTHER]
        return list(dict.fromkeys([*damaged, *filter(Path.is_file, paths)]))


def find_faults(root: Path) -> Findings:
    """Return everything that is wrong with the cache, the lock file and the list of processes."""
    cache, faults, outputs = open_cache(root), [], []
    try:
        outputs = locked_outputs(root)
    except InputError:
        faults.append(Fault(root / LOCK, "truncated: DVC was killed while it wrote the lock file"))
    try:
        json.loads(cache.processes.read_bytes() if cache.processes.exists() else b"{}")
    except ValueError:
        faults.append(Fault(cache.processes, "truncated: DVC's list of processes"))
    objects = {}
    for file in files_below(cache.objects):
        # Files with other names are left from interrupted copies, and are harmless.
        if found := OBJECT.fullmatch(file.relative_to(cache.objects).as_posix()):
            objects["".join(found.groups())] = file
    faults += object_faults(root, cache, objects, outputs)
    runs = files_below(cache.runs)
    entries = sorted({*runs, *cache.runs.glob("*/*")})
    faults += [Fault(entry, what) for entry in entries if (what := run_fault(entry))]
    return Findings(faults, len(objects), len(runs))


def object_faults(
    root: Path, cache: Cache, objects: dict[str, Path], outputs: list[Output]
) -> list[Fault]:
    """Return the damaged objects, and those that a folder lists but the cache lacks."""
    uses: defaultdict[str, list[Output]] = defaultdict(list)
    listed: set[str] = set()
    for output in outputs:
        uses[output.md5].append(output)
        for name, md5 in cache.members(output.md5).items():
            uses[md5].append(Output(output.stage, f"{output.path}/{name}", md5))
            listed.add(md5)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        actual = dict(zip(objects, pool.map(file_md5, objects.values()), strict=True))
    rotten = [md5 for md5, found in actual.items() if found != md5.removesuffix(".dir")]
    faulty = dict.fromkeys(rotten, "damaged: its bytes have another MD5")
    faulty |= dict.fromkeys(
        sorted(listed - objects.keys()), "missing: the listing of its folder is there"
    )
    return [
        Fault(cache.file(md5), what, tuple((use, copy_state(root, use)) for use in uses[md5]))
        for md5, what in faulty.items()
    ]


def copy_state(root: Path, output: Output) -> str:
    """Say how the workspace's file or folder compares to the MD5 of an output."""
    path = root / output.path
    if not path.exists():
        return "missing"
    return WHOLE if content_md5(path) == output.md5 else OTHER


def content_md5(path: Path) -> str:
    """Return the MD5 of a file, or of a folder's listing as DVC writes it."""
    if not path.is_dir():
        return file_md5(path)
    return folder_md5({f.relative_to(path).as_posix(): file_md5(f) for f in files_below(path)})


def run_fault(run: Path) -> str | None:
    """Say what is wrong with a run, or with a folder of runs, of which DVC uses the newest.

    An undamaged run is named by a hash of its content without sizes; a folder is never empty.
    """
    from dvc.utils import dict_sha256

    if run.is_dir():
        return None if any(run.iterdir()) else "empty: the run of a stage should be in it"
    if run.suffix == ".tmp":
        return "truncated: DVC was killed while it recorded a run of a stage"
    try:
        entry = load_tree(run)
        inputs = {**entry, "outs": [out["path"] for out in entry["outs"]]}
        names = [dict_sha256(tree, exclude=["size", "nfiles"]) for tree in (inputs, entry)]
    except (InputError, TypeError, KeyError, AttributeError):
        names = []
    return (
        None if names == [run.parent.name, run.name] else "damaged: the record of a run of a stage"
    )


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold DVC's lock, so that nothing is deleted while a DVC command runs.

    Raises
    ------
    InputError
        A command is running.
    """
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo, repo.lock:
            yield
    except LockError:
        raise InputError(f"{root}: a DVC command is running; wait until it ends") from None


def main(*arguments: str) -> None:
    """Read the whole cache and report damage; with `--mend`, delete damaged files."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.fsck",
        description="Read every byte of DVC's cache; name damaged files and how to repair them.",
    )
    parser.add_argument("--mend", action="store_true", help="delete damaged files")
    mend, root = parser.parse_args(arguments).mend, Path.cwd()
    with exclusive(root) if mend else nullcontext():
        found = find_faults(root)
        damaged = found.damaged_files(root)
        sys.stdout.write("".join(f"{text}\n" for text in report(found, root)))
        for file in damaged if mend else ():
            delete(file)
    if found.faults:
        advised = advice(found, [] if mend else damaged, root)
        sys.stdout.write("".join(f"{text}\n" for text in advised))
        sys.exit(1)


def delete(path: Path) -> None:
    """Delete a file, and its folder if that is empty then, since DVC would fail on it."""
    if path.is_file():
        path.unlink()
        path = path.parent
    if not any(path.iterdir()):
        path.rmdir()


def report(found: Findings, root: Path) -> Iterator[str]:
    """Yield the lines that name every fault, and the number of faults."""
    for fault in found.faults:
        yield f"{shown(fault.file, root)}: {fault.what}"
        for output, copy in fault.uses:
            yield f"    {output.path} of {output.stage}; in the workspace: {copy}"
    yield f"{found.objects} objects and {found.runs} runs: {len(found.faults) or 'no'} faults"


def advice(found: Findings, damaged: list[Path], root: Path) -> Iterator[str]:
    """Yield the commands that repair all faults; the `damaged` files still have to be deleted."""
    yield "To repair:"
    if damaged:
        yield "    make fsck MEND=1    deletes the damaged files:"
        yield from (f"        {shown(file, root)}" for file in damaged)
    lost = {output.stage for output, copy in found.uses if copy != WHOLE}
    if kept := sorted({output.stage for output, _ in found.uses} - lost):
        yield f"    dvc commit {shlex.join(kept)}    restores undamaged copies from the workspace"
    yield "    dvc pull            downloads the rest from a remote, if there is one"
    yield "    dvc repro           computes what no remote has"


def shown(file: Path, root: Path) -> str:
    """Return a file's path as a user would type it in a shell."""
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


if __name__ == "__main__":
    launch(main)
