"""Where the files of a result lie: in a folder, or in git and DVC's cache for a revision."""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stages.runtime.errors import InputError, error_context
from tools.cache import LOCK, Cache, Output, files_below, locked_outputs, members, open_cache


@dataclass(frozen=True)
class Result:
    """The outputs of a study by path; `below` is where their files lie, None for the cache."""

    name: str
    outputs: Mapping[str, Output]
    below: Path
    cache: Cache | None = field(default=None)

    def files(self, output: Output) -> dict[str, Path]:
        """Return the files of an output by path; none where it, or a part of it, is not there."""
        path = self.below / output.path
        if path.is_file():
            return {output.path: path}
        if self.cache is None:
            return {f"{output.path}/{f.relative_to(path).as_posix()}": f for f in files_below(path)}
        stored = self.cache.file(output.md5)
        found = {f"{output.path}/{n}": self.cache.file(m) for n, m in members(stored).items()}
        found = found or {output.path: stored}
        return found if all(file.is_file() for file in found.values()) else {}


@contextmanager
def open_result(name: str, root: Path) -> Iterator[Result]:
    """Find the result that a folder or a revision of git's holds.

    Raises
    ------
    InputError
        It is neither, or nothing has been run there; or the lock file is damaged.
    """
    folder = Path(name)
    if folder.is_dir():
        yield Result(name, by_path(name, locked_outputs(folder)), folder)
        return
    commit = git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if commit is None:
        raise InputError(f"{name}: expected a folder or a revision of git's, it is neither")
    with tempfile.TemporaryDirectory() as place:
        committed = Path(place)
        write_committed(root, name, [LOCK], committed)
        with error_context(name):
            locked = locked_outputs(committed)
        outputs = by_path(name, locked)
        write_committed(root, name, outputs, committed)
        yield Result(name, outputs, committed, open_cache(root))


def by_path(name: str, outputs: list[Output]) -> dict[str, Output]:
    """Return outputs by path.

    Raises
    ------
    InputError
        There are none.
    """
    if not outputs:
        raise InputError(f"{name}: no dvc.lock in it, so no result; `dvc repro` makes one")
    return {output.path: output for output in outputs}


def write_committed(root: Path, revision: str, paths: Iterable[str], place: Path) -> None:
    """Write below a folder those of some files that a revision itself holds."""
    tree = git(root, "ls-tree", "-r", "-z", "--name-only", revision) or b""
    held = {*tree.decode().split("\0")}
    for path in held.intersection(paths):
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(git(root, "show", f"{revision}:{path}") or b"")


def git(root: Path, *arguments: str) -> bytes | None:
    """Return what git prints, or None where it refuses."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    return None if done.returncode else done.stdout
