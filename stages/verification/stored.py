"""Where the files of a result lie: in a folder, or in git and DVC's cache for a revision."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from stages.storage.errors import InputError
from stages.storage.params import SafeLoader
from stages.verification.cache import Cache, files_below, members, open_cache
from stages.verification.lock_files import LOCKS, Output, listed, outputs_of


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
        It is neither, or nothing has been run there; or a lock file is damaged.
    """
    folder = Path(name)
    if folder.is_dir():
        outputs = [out for lock in LOCKS for out in outputs_of(folder / lock, folder)]
        yield Result(name, by_path(name, outputs), folder)
        return
    commit = git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if commit is None:
        raise InputError(f"{name}: expected a folder or a revision of git's, it is neither")
    outputs = [out for lock in LOCKS for out in committed_outputs(root, name, lock)]
    with tempfile.TemporaryDirectory() as place:
        write_committed(root, name, outputs, Path(place))
        yield Result(name, by_path(name, outputs), Path(place), open_cache(root))


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


def committed_outputs(root: Path, revision: str, lock: str) -> list[Output]:
    """Return the outputs in a lock file of a revision; none where it has none."""
    content = git(root, "show", f"{revision}:{lock}")
    tree = yaml.load(content or b"{}", Loader=SafeLoader)  # noqa: S506 - a safe loader
    return listed(tree or {}, prefix_of(lock))


def prefix_of(lock: str) -> str:
    """Return what DVC puts before the names of the stages of a lock file."""
    folder = lock.rpartition("/")[0]
    return f"{folder}/dvc.yaml:" if folder else ""


def write_committed(root: Path, revision: str, outputs: list[Output], place: Path) -> None:
    """Write those outputs that a revision itself holds below a folder."""
    tree = git(root, "ls-tree", "-r", "-z", "--name-only", revision) or b""
    held = {*tree.decode().split("\0")}
    for output in outputs:
        if output.path in held:
            file = place / output.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(git(root, "show", f"{revision}:{output.path}") or b"")


def git(root: Path, *arguments: str) -> bytes | None:
    """Return what git prints, or None where it refuses."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    return None if done.returncode else done.stdout
