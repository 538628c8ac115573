"""DVC's cache on disk: objects named by the MD5 of their bytes, and what past runs gave.

DVC itself looks into an object that it has made read-only no more; it links it, checks it out and
pushes it, whatever its bytes are by then.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stages.config.syntax import load_tree
from stages.runtime.errors import InputError

OBJECT = re.compile(r"(?P<start>[0-9a-f]{2})/(?P<rest>[0-9a-f]{30}(\.dir)?)\Z")


@dataclass(frozen=True)
class Cache:
    """Where a repository's objects lie, its runs, and what its running processes say."""

    objects: Path
    runs: Path
    processes: Path

    def file(self, md5: str) -> Path:
        """Return where the object of an MD5 lies, whether it is there or not."""
        return self.objects / md5[:2] / md5[2:]


def open_cache(root: Path) -> Cache:
    """Return the cache that DVC's settings name.

    Raises
    ------
    InputError
        `root` is no DVC repository.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        repo = Repo(str(root))
    except NotDvcRepoError:
        raise InputError(f"{root}: no DVC repository; run from the root of one") from None
    with repo:
        runs = Path(repo.stage_cache.cache_dir)
        return Cache(Path(repo.cache.local.path), runs, Path(str(repo.tmp_dir)) / "rwlock")


def stored_objects(cache: Cache) -> tuple[dict[str, Path], list[Path]]:
    """Return the objects by MD5, and other files: what a copy leaves that is broken off."""
    objects: dict[str, Path] = {}
    others: list[Path] = []
    for file in files_below(cache.objects):
        found = OBJECT.match(file.relative_to(cache.objects).as_posix())
        if found:
            objects[found["start"] + found["rest"]] = file
        else:
            others.append(file)
    return objects, others


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, in order; none where there is no folder."""
    return (file for file in sorted(folder.rglob("*")) if file.is_file())


def rotten_objects(objects: Mapping[str, Path]) -> list[str]:
    """Return the MD5s of the objects whose bytes have another; every byte is read."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        actual = pool.map(file_md5, objects.values())
    pairs = zip(objects, actual, strict=True)
    return [md5 for md5, found in pairs if found != md5.removesuffix(".dir")]


def content_md5(path: Path) -> str:
    """Return the MD5 of a file, or that of a folder's list of MD5s, as DVC writes it."""
    if not path.is_dir():
        return file_md5(path)
    listed = [
        {"md5": file_md5(file), "relpath": file.relative_to(path).as_posix()}
        for file in files_below(path)
    ]
    listed.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(listed, sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


def file_md5(file: Path) -> str:
    """Return a file's MD5, read a block at a time."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def is_whole_run(file: Path) -> bool:
    """Say whether an entry of the run cache has the name that DVC gives to its content."""
    from dvc.utils import dict_sha256

    try:
        run = load_tree(file)
        inputs = {**run, "outs": [out["path"] for out in run["outs"]]}
        names = [dict_sha256(tree, exclude=["size", "nfiles"]) for tree in (inputs, run)]
    except (InputError, TypeError, KeyError, AttributeError):
        return False
    return names == [file.parent.name, file.name]


def empty_runs(cache: Cache) -> list[Path]:
    """Return the folders of the run cache in which nothing is: DVC takes the newest file there."""
    folders = (path for path in sorted(cache.runs.glob("*/*")) if path.is_dir())
    return [folder for folder in folders if not any(folder.iterdir())]


def members(file: Path) -> dict[str, str]:
    """Return the MD5s in a folder's object by path; none of what is no folder or not legible."""
    if file.suffix != ".dir":
        return {}
    try:
        return {entry["relpath"]: entry["md5"] for entry in json.loads(file.read_bytes())}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


LOCK = "dvc.lock"


@dataclass(frozen=True)
class Output:
    """An output of a stage: its path in the repository, and DVC's MD5 (of a folder, `*.dir`)."""

    stage: str
    path: str
    md5: str


def locked_outputs(root: Path) -> list[Output]:
    """Return the outputs in a repository's lock file; none where nothing has been run.

    Raises
    ------
    InputError
        The file is damaged: a process that ends while DVC writes it leaves a part of it.
    """
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    file = root / LOCK
    if not file.exists():
        return []
    tree = load_tree(file)
    try:
        COMPILED_LOCKFILE_SCHEMA(tree)
    except Invalid as error:
        raise InputError(f"{file}: no lock file of DVC's ({error})") from None
    return [
        Output(stage, out["path"], out.get("md5", ""))
        for stage, entry in (tree.get("stages") or {}).items()
        for out in entry.get("outs", ())
    ]
