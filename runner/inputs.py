"""Inputs of stages: each is what `dvc.lock` records of it, or it is refused.

DVC hashes an output when its stage ends and does not look into it again; it also accepts whatever a
remote has under the hash's name. So each input is hashed in DVC's own way before its stage computes
with it, and compared with the record. What has no record:

* Files in git that no stage makes are believed. Results in git are compared like other outputs.
* An output of a stage without a record was computed by hand, without DVC, and is refused: `dvc
  commit` records it. DVC rewrites the whole lock file whenever a stage ends, and whoever reads
  meanwhile sees a part: a record that is missing is looked for until the file has stayed the same
  for a while.
* Without a lock file, DVC does not run this study, and nothing is compared.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from interpreting_clip.config.params import PARAMS
from interpreting_clip.datasets.card import ABSENT, is_absent
from interpreting_clip.errors import AbsentError, InputError
from interpreting_clip.formats.json import read_json
from runner.graph import GRAPH, StageEntry

LOCK = Path("dvc.lock")

CONFLICT = re.compile(rb"^<<<<<<< ", re.M)
"""The line with which git begins a conflict that it leaves in a file."""

MISSING = "no such file; `dvc checkout`, `dvc pull` or `dvc repro` brings it back"

PATIENCE = 3.0
"""For how many seconds a lock file has to stay the same before a record counts as missing."""

STAGE = re.compile(r"^  (\S+):\n", re.M)
PATH = re.compile(r"^    - path: (\S+)\n      hash: md5\n      md5: (\w{32}(?:\.dir)?)\n", re.M)
"""Stages and their files as DVC lays them out; a YAML parser takes 60 ms for 8,000 lines."""

IGNORED = re.compile(r"(^|/)__pycache__/|(^|/)\.#|~$|\.swp$|\.partial/")
"""The paths that `.dvcignore` keeps from DVC."""


def require_merged() -> None:
    """Refuse a study whose own files still have the conflict markers of a merge.

    They would be reported as damaged, or a stage would read the records of two branches.
    """
    for file in (PARAMS, GRAPH, Path("code.json"), LOCK):
        content = file.read_bytes() if file.is_file() else b""
        if marker := CONFLICT.search(content):
            line = content.count(b"\n", 0, marker.start()) + 1
            way = "edit it" if file in (PARAMS, GRAPH) else f"`git checkout HEAD {file}`"
            raise InputError(
                f"{file}: line {line}: expected a merged file, got a conflict marker of git: "
                f"{way}, then run `dvc repro`"
            )


@dataclass(frozen=True)
class LockedStage:
    """What `dvc.lock` records of a stage: the MD5s of its dependencies and outputs, by path.

    `params` are its parameters by file, in YAML.
    """

    deps: Mapping[str, str]
    outs: Mapping[str, str]
    params: str


def read_lock(file: Path = LOCK) -> dict[str, LockedStage]:
    """Return the records of all stages, as far as they are there and whole."""
    try:
        return parse_lock(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def parse_lock(text: str) -> dict[str, LockedStage]:
    """Return the records in the text of a lock file."""
    parts, stages = STAGE.split(text), {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        read, _, outs = body.partition("    outs:\n")
        deps, _, params = read.partition("    params:\n")
        stages[name] = LockedStage(dict(PATH.findall(deps)), dict(PATH.findall(outs)), params)
    return stages


def recorded_inputs(entry: StageEntry) -> dict[str, str]:
    """Return the MD5s that `dvc.lock` records of a stage's inputs, by path.

    Of a folder with results in git, these are its files.
    """
    if not LOCK.exists():
        return {}
    seen, since = LOCK.stat().st_mtime_ns, time.monotonic()
    while True:
        try:
            return _coherent_inputs(entry, read_lock())
        except LookupError as missing:
            if (now := LOCK.stat().st_mtime_ns) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                path = missing.args[0]
                raise InputError(
                    f"{path}: {LOCK} has no record of it: run `dvc repro`, or, if you ran its "
                    f"stage without DVC, `dvc commit -f {entry.makers[path]}`"
                ) from None
            time.sleep(0.05)


def _coherent_inputs(entry: StageEntry, lock: Mapping[str, LockedStage]) -> dict[str, str]:
    def recorded(path: str) -> str:
        stage = lock.get(entry.makers[path])
        if stage is None or path not in stage.outs:
            raise LookupError(path)
        return stage.outs[path]

    deps = {*entry.deps}
    inputs = [
        path for path in entry.makers if deps & {path, *map(Path.as_posix, Path(path).parents)}
    ]
    records = {path: recorded(path) for path in inputs}
    todo, seen = inputs, set[str]()
    while todo:
        if (name := entry.makers[todo.pop()]) in seen:
            continue
        seen.add(name)
        made = {path: md5 for path, md5 in lock[name].deps.items() if path in entry.makers}
        for path, md5 in made.items():
            if md5 != (now := recorded(path)):
                raise InputError(
                    f"{', '.join(lock[name].outs)}: stage {name} computed with another {path} "
                    f"(MD5 {md5}) than is recorded now ({now}); run `dvc repro {name}`"
                )
        todo += made
    return records


class Inputs:
    """The dependencies that a stage's entry in dvc.yaml lists.

    `recorded` are DVC's MD5s by path; what has none is not compared.
    """

    def __init__(
        self,
        listed: Collection[str],
        stage: str = "",
        recorded: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.listed, self.stage, self.recorded = listed, stage, recorded
        self._states: dict[Path, tuple[int, ...]] = {}
        self._md5s: dict[Path, str] = {}

    def __getitem__(self, path: str | Path) -> Path:
        """Return the path of a dependency; one that is absent ends the stage (`AbsentError`)."""
        name = Path(path).as_posix()
        if name not in self.listed:
            raise InputError(
                f"{GRAPH}: stage {self.stage} reads {name} and does not list it; add the line "
                f"`- {name}` under its `deps`"
            )
        if is_absent(Path(name)):
            raise AbsentError(read_json(Path(name) / ABSENT)["dataset"])
        return Path(name)

    def if_present(self, path: str | Path) -> Path | None:
        """Return the path of a dependency that a stage can do without; None if it is absent."""
        try:
            return self[path]
        except AbsentError:
            return None

    def check(self) -> None:
        """Hash every dependency, and refuse one that is not what DVC recorded."""
        for file in self._files():
            self._states[file], self._md5s[file] = _state(file), file_md5(file)
        for name, expected in self.recorded.items():
            path = Path(name)
            if not path.exists():
                raise InputError(f"{path}: {MISSING}")
            if (got := _combined(path, self._md5s)) != expected:
                raise InputError(
                    f"{name}: {LOCK} records the MD5 {expected}, got {got}: it is not what its "
                    f"stage wrote; `rm -r {name}; make fsck MEND=1; dvc repro` brings it back; "
                    f"with a remote, `dvc pull {name}` before `dvc repro`. If you ran its stage "
                    f"without DVC, `dvc commit -f {name}` records it"
                )

    def require_unchanged(self) -> None:
        """Refuse dependencies that have changed since `check`."""
        now = set(self._files())
        for file in sorted(now | self._states.keys()):
            known = file in now and file in self._states
            if not known or not (
                _state(file) == self._states[file] or file_md5(file) == self._md5s[file]
            ):
                raise InputError(
                    f"{file}: was changed while stage {self.stage} computed with it; nothing was "
                    "kept: run `dvc repro` again"
                )

    def md5s(self) -> dict[str, str]:
        """Return DVC's MD5 of each dependency when it was checked, by path."""
        return {name: _combined(Path(name), self._md5s) for name in self.listed}

    def digests(self) -> dict[str, str]:
        """Return DVC's MD5 of each dependency that other stages make, by path.

        Without a record, as in a study that DVC does not run, that is the MD5 of its content.
        """
        made = sorted(name for name in self.listed if name.startswith("data/"))
        return {name: self.recorded.get(name) or content_md5(Path(name)) for name in made}

    def _files(self) -> Iterator[Path]:
        for path in map(Path, self.listed):
            if not path.exists():
                raise InputError(f"{path}: {MISSING}")
            yield from files_below(path)


def content_md5(path: Path) -> str:
    """Return DVC's MD5 of a file or of a folder."""
    return _combined(path, {file: file_md5(file) for file in files_below(path)})


def _combined(path: Path, md5s: Mapping[Path, str]) -> str:
    if path.is_file():
        return md5s[path]
    inside = {file: md5 for file, md5 in md5s.items() if file.is_relative_to(path)}
    return folder_md5({file.relative_to(path).as_posix(): md5 for file, md5 in inside.items()})


def folder_md5(files: Mapping[str, str]) -> str:
    """Return the MD5 that DVC gives a folder, that of its listing."""
    return hashlib.md5(folder_listing(files), usedforsecurity=False).hexdigest() + ".dir"


def folder_listing(files: Mapping[str, str]) -> bytes:
    """Return the listing that DVC 3 keeps of a folder, from the MD5s of its files by path."""
    listed = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    return json.dumps(listed).encode()


def file_md5(file: Path) -> str:
    """Return the MD5 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def files_below(path: Path) -> list[Path]:
    """Return a file, or the files in a folder that DVC does not ignore, in order."""
    if not path.is_dir():
        return [path]

    def refuse(error: OSError) -> NoReturn:  # os.walk skips what it may not list
        raise error

    listed = os.walk(path, onerror=refuse)
    files = [Path(folder, name) for folder, _, names in listed for name in names]
    return sorted(file for file in files if not IGNORED.search(str(file)))


def _state(file: Path) -> tuple[int, ...]:
    facts = file.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
