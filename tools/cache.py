"""DVC's cache and lock file: which outputs a study has, and where their bytes are."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from runner.inputs import file_md5

LOCK = "dvc.lock"


@dataclass(frozen=True)
class Cache:
    """The folders of a repository's cached objects and run cache, and DVC's list of processes."""

    objects: Path
    runs: Path
    processes: Path

    def file(self, md5: str) -> Path:
        """Return where the object of an MD5 is, or would be."""
        return self.objects / md5[:2] / md5[2:]

    def has(self, md5: str) -> bool:
        """Return whether an object is there, with all files of a folder; only listings are read."""
        there = bool(md5) and self.file(md5).is_file()
        if there and md5.endswith(".dir"):
            there = file_md5(self.file(md5)) == md5[:32]
        return there and all(self.file(one).is_file() for one in self.members(md5).values())

    def members(self, md5: str) -> dict[str, str]:
        """Return the MD5s of a folder's files by path; none if its listing is missing or damaged.

        An object that is not a folder has none. Entries that are not an MD5 name no object, and are
        left out.
        """
        if not md5.endswith(".dir"):
            return {}
        try:
            listed = json.loads(self.file(md5).read_bytes())
            found = {entry["relpath"]: entry["md5"] for entry in listed}
            return {path: md5 for path, md5 in found.items() if re.fullmatch("[0-9a-f]{32}", md5)}
        except (OSError, ValueError, TypeError, KeyError):
            return {}


@dataclass(frozen=True)
class Output:
    """An output of a stage, or a file in it: its path, and DVC's MD5 (of a folder, `*.dir`)."""

    stage: str
    path: str
    md5: str


def open_cache(root: Path) -> Cache:
    """Return the cache that DVC's settings name."""
    # not `dvc.repo`, whose import and index take most of a second
    from dvc.config import Config

    own = root / ".dvc"
    if not own.is_dir():
        raise InputError(f"{root}: no DVC repository; run from the root of one")
    config = Config(str(own))
    named = config["cache"].get("local")
    folder = config["remote"][named]["url"] if named else config["cache"].get("dir", own / "cache")
    return Cache(Path(folder) / "files/md5", Path(folder) / "runs", own / "tmp/rwlock")


def locked_stages(root: Path) -> dict[str, dict[str, Any]]:
    """Return the entries of a repository's lock file by stage; none if nothing has been run."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    file = root / LOCK
    if not file.exists():
        return {}
    try:
        tree = load_tree(file)
        COMPILED_LOCKFILE_SCHEMA(tree)
    except (InputError, Invalid) as error:
        why = str(error).removeprefix(f"{file}: ")
        raise InputError(
            f"{file}: expected DVC's lock file, got a part of one ({why}): DVC was killed while it "
            f"wrote the file. `git checkout {LOCK}`, or delete it if git has none; later results "
            "come back from DVC's run cache"
        ) from None
    return tree.get("stages") or {}


def locked_outputs(root: Path) -> list[Output]:
    """Return the outputs in a repository's lock file; none if nothing has been run."""
    return [
        Output(stage, out["path"], out.get("md5", ""))
        for stage, entry in locked_stages(root).items()
        for out in entry.get("outs", ())
    ]
