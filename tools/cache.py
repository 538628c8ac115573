"""Damaged, lost and left-over results: `make fsck`, `make prune`, the start of `make repro`.

DVC trusts an object of its cache that it has made read-only: it links, checks out and pushes the
object, whatever its bytes are by then, and never replaces it. So `make fsck` reads every byte.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import humanize
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.utils.serialize import modify_yaml

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from runner.inputs import LOCK, content_md5, file_md5, files_below, folder_listing, read_lock
from runner.records import record_of, wrong_records
from tools.jobs import TRAINING_STAGES

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")

FEW = 4
"""The most stages without results that are named."""


class Cache:
    """The folders of a repository's cached objects and run cache, and DVC's list of processes."""

    def __init__(self, repo: Repo) -> None:
        self.objects, self.runs = Path(repo.cache.local.path), Path(repo.stage_cache.cache_dir)
        self.processes = Path(str(repo.tmp_dir), "rwlock")

    def file(self, md5: str) -> Path:
        """Return where the object of an MD5 is, or would be."""
        return self.objects / md5[:2] / md5[2:]

    def members(self, md5: str) -> dict[str, str]:
        """Return the MD5s of a folder's files by path; none if its listing is lost or damaged."""
        try:
            listing = json.loads(self.file(md5).read_bytes()) if md5.endswith(".dir") else []
            return {entry["relpath"]: entry["md5"] for entry in listing}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def unfinished(self) -> list[Path]:
        """Return the files of a killed DVC or a full disk that make the next run of DVC fail.

        DVC uses the newest file of a folder of runs, even a temporary one or one that was cut off,
        and expects one there; and it does not read a list of processes that ends too early.
        """
        left = [file for file in self.runs.glob("*/*/*") if not _is_whole_run(file)]
        left += [folder for folder in self.runs.glob("*/*") if not any(folder.iterdir())]
        try:
            json.loads(self.processes.read_bytes())
        except FileNotFoundError:
            pass
        except ValueError:
            left.append(self.processes)
        return left

    def delete_unfinished(self) -> None:
        """Delete the unfinished files, and folders that become empty."""
        while unfinished := self.unfinished():
            for path in unfinished:
                path.rmdir() if path.is_dir() else path.unlink()

    def delete_run(self, entry: Mapping[str, Any]) -> None:
        """Delete what the run cache has of an entry of dvc.lock."""
        for file in self.runs.glob("*/*/*"):
            if _is_whole_run(file) and load_tree(file) == entry:
                file.unlink()
                if not any(file.parent.iterdir()):
                    file.parent.rmdir()


def _is_whole_run(file: Path) -> bool:
    try:
        outs = load_tree(file).get("outs")
        whole = bool(outs) and all(MD5.fullmatch(out["md5"]) for out in outs)
    except (InputError, TypeError, KeyError):
        return False
    return whole and file.suffix != ".tmp"


@contextmanager
def open_repo(folder: Path, rev: str | None = None) -> Iterator[Repo]:
    """Open DVC's repository, or a git revision of it; anything that DVC refuses is one line."""
    try:
        with Repo(str(folder), rev=rev) as repo:
            yield repo
    except DvcException as error:
        message = " ".join(str(error).split())
        if LOCK.name in message:
            message += f"; if no DVC runs, `git checkout HEAD {LOCK}`, or delete it if git has none"
        raise InputError(f"{folder}: DVC: {message}") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the option of `fsck` and `prune`."""
    parser.add_argument("--yes", action="store_true", help="do it; default: only show what")


def fsck(*, yes: bool = False) -> None:
    """Name damaged objects and unfinished files, and exit with 1 if there are any.

    With `yes`, restore the objects that are whole in the workspace, and delete the rest.
    """
    with open_repo(Path.cwd()) as repo:
        cache = Cache(repo)
        objects = {file.parent.name + file.name: file for file in cache.objects.glob("??/*")}
        objects = {md5: file for md5, file in objects.items() if MD5.fullmatch(md5)}
        damaged = {md5: file for md5, file in objects.items() if file_md5(file) != md5[:32]}
        copies = [(p, md5) for p, md5 in _workspace(cache) if md5 in damaged and p.exists()]
        links = [path for path, md5 in copies if path.samefile(damaged[md5])]
        for file in (*damaged.values(), *links):
            sys.stdout.write(f"{file}: damaged: its bytes have another MD5\n")
        for file in cache.unfinished():
            sys.stdout.write(f"{file}: unfinished: DVC was killed while it wrote it\n")
        wrong = [*wrong_records()]
        for name, setting in wrong:
            sys.stdout.write(f"{LOCK}: {name}: {setting} changed while DVC recorded it\n")
        faults = len(damaged) + len(links) + len(cache.unfinished()) + len(wrong)
        sys.stdout.write(f"Objects: {len(objects)}, faults: {faults or 'none'}\n")
        if not faults:
            return
        rest = "`dvc pull` (from a remote, if there is one) or `dvc repro` brings back the rest"
        if not yes:
            sys.exit(f"`make fsck MEND=1` restores them from the workspace or deletes them; {rest}")
        with repo.lock:
            whole = {md5: path for path, md5 in copies if content_md5(path) == md5}
            for path in (*damaged.values(), *links):
                path.unlink()
            for md5, path in whole.items():
                _restore(cache.file(md5), path)
            cache.delete_unfinished()
        forget_wrong_records()
        sys.stdout.write(f"Deleted, {len(whole)} restored from the workspace; {rest}\n")


def _workspace(cache: Cache) -> Iterator[tuple[Path, str]]:
    """Yield the files and folders of the workspace with the MD5s that dvc.lock records."""
    for stage in read_lock().values():
        for path, md5 in stage.outs.items():
            yield Path(path), md5
            for name, inside in cache.members(md5).items():
                yield Path(path, name), inside


def _restore(file: Path, copy: Path) -> None:
    """Write an object again from a file, or a listing from a folder."""
    if copy.is_dir():
        inside = {p.relative_to(copy).as_posix(): file_md5(p) for p in files_below(copy)}
        file.write_bytes(folder_listing(inside))
    else:
        shutil.copyfile(copy, file)
    file.chmod(0o444)


def forget_wrong_records() -> None:
    """Delete the results that plain DVC has recorded with other settings than their own.

    Then DVC computes them again.
    """
    if not (wrong := dict(wrong_records())):
        return
    with open_repo(Path.cwd()) as repo, repo.lock, modify_yaml(LOCK) as tree:
        for name, setting in wrong.items():
            Cache(repo).delete_run(tree["stages"].pop(name))
            record_of(name).unlink()
            sys.stdout.write(
                f"{name}: {setting} was changed while DVC recorded the result; it runs again\n"
            )


def prepare() -> None:
    """Delete unfinished files, and print how many stages have lost their results.

    DVC writes dvc.lock under its own lock, so that nobody reads a part of it here.
    """
    with open_repo(Path.cwd()) as repo, repo.lock:
        cache = Cache(repo)
        cache.delete_unfinished()
        lost = [
            stage.addressing
            for stage in repo.index.stages
            if any(o.use_cache and o.hash_info and o.changed_cache() for o in stage.outs)
        ]
    if lost:
        trainings = sum(name.partition("@")[0] in TRAINING_STAGES for name in lost)
        sys.stdout.write(
            f"DVC's cache lacks results of {len(lost)} stages, {trainings} of them trainings: "
            f"{', '.join(lost[:FEW])}{', …' * (len(lost) > FEW)}; `dvc pull` gets what a remote "
            "has, and the others run again\n"
        )
        sys.stdout.flush()


def prune(*, yes: bool = False) -> None:
    """Show the results that belong to no entry of params.yaml, and remove them with `yes`.

    DVC's cache is not touched: branches whose studies still have these entries find their results.
    """
    check(PARAMS)
    with open_repo(Path.cwd()) as repo:
        lock, outputs = read_lock(), {out.def_path for out in repo.index.outs}
        entries = sorted(lock.keys() - {stage.addressing for stage in repo.index.stages})
        left = {path for name in entries for path in lock[name].outs} - outputs
        paths = [path for path in map(Path, sorted(left)) if path.exists()]
        for path in paths:
            size = sum(file.lstat().st_size for file in files_below(path))
            sys.stdout.write(f"{path}  {humanize.naturalsize(size)}\n")
        sys.stdout.writelines(f"{name}  in {LOCK}\n" for name in entries)
        if yes and entries:
            with repo.lock, modify_yaml(LOCK) as tree:
                for path in paths:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                for name in entries:
                    del tree["stages"][name]
    if not entries:
        summary = "Nothing to prune: every result belongs to an entry of params.yaml."
    elif yes:
        summary = "All of it was removed; commit that. DVC's cache keeps its copies."
    else:
        summary = "Nothing was removed. `make prune YES=1` removes all of it."
    sys.stdout.write(f"{summary}\n")
