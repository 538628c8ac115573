"""Outputs of stages: what each holds and what it was made from, checked whenever it is read.

DVC does not look into an output again once it has recorded its hash, and it accepts whatever a
remote has under the hash's name. So each output has a `contents.json` with its own path, the
SHA-256 of every file in it and the digests of the outputs that it was made from. What nothing in
the output can confirm, its origins and its kernels, is believed only if the output is what dvc.lock
records. (A digest of `contents.json` in itself would change the bytes of every output, and with
them make all stale that is made from one.)
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from interpreting_clip.errors import DAMAGED_JSON, InputError
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import write_json, write_whole
from interpreting_clip.kernels import kernel_settings
from runner.graph import GRAPH
from runner.recorded import LOCK, file_md5, folder_md5

CONTENTS = "contents.json"

SHARD = ".tar"
"""The suffix of shards: a dataset's card has their digests, which are checked on opening."""

CARRIED = "data/weights/"
"""An output records the weights that it comes from, and otherwise only its direct inputs."""

SUMS = ".sha256"
"""The suffix of the checksums of results in git, in the format of `sha256sum --check`."""

LARGE = 2**24
"""Files of this many bytes or more are checked by threads while a stage computes."""


class Contents(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`contents.json`: the path of an output, its files and its origins with their digests.

    `kernels` are the environment variables that chose kernels for it, or for one of its origins;
    most machines set none, and then the key is left out.
    """

    output: str
    files: dict[str, str]
    made_from: dict[str, str]
    kernels: list[str] = []


class MadeOutput(NamedTuple):
    """An output: its path, a digest of its files, the digests of its origins, and its kernels."""

    path: str
    digest: str
    made_from: Mapping[str, str]
    kernels: Sequence[str]


class Inputs:
    """The dependencies that a stage's entry in dvc.yaml lists.

    Those that a stage asks for are what its output is made from. `recorded` are the MD5s of outputs
    in dvc.lock, by path; an output that it does not have is not compared with dvc.lock.
    """

    def __init__(
        self,
        listed: Collection[str],
        made: Collection[str],
        stage: str = "",
        recorded: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self.listed, self.made, self.stage, self.recorded = listed, made, stage, recorded
        self._outputs: dict[str, MadeOutput] = {}
        self._asked: set[str] = set()
        self._checks: list[Future[None]] = []
        self._states: dict[str, tuple[str, str]] = {}
        self._pool = ThreadPoolExecutor(thread_name_prefix="check")

    def __getitem__(self, path: str | Path) -> Path:
        """Return the path of a dependency, which is checked.

        Raises
        ------
        InputError
            dvc.yaml does not list it, or `check` refuses it.
        """
        name = Path(path).as_posix()
        if name not in self.listed:
            raise InputError(
                f"{GRAPH}: stage {self.stage} reads {name} and does not list it; add the line "
                f"`- {name}` under its `deps`"
            )
        if name in self.made:
            self._open(name)
            self._asked.add(name)
        return Path(name)

    def check(self) -> None:
        """Check that every dependency is whole and in its place, and that they fit together.

        Large files are checked while they are used, and nothing is written before the checks have
        ended. Shards of a dataset are checked when they are opened. Of files in git only checksums
        are compared, with dvc.lock; `require_checksums` compares the results with them.

        Raises
        ------
        InputError
            One is missing, holds other bytes than were written or than dvc.lock records, or belongs
            to another stage or encoder; or two were made from different states of a third.
        """
        for name in self.listed:
            if name in self.made:
                self._open(name)
            else:
                for sums in sorted({Path(name), *Path(name).glob("*")}):
                    known = self.recorded.get(sums.as_posix())
                    if known and sums.suffix == SUMS and sums.exists():
                        require_recorded_sums(sums, known)

    def _open(self, name: str) -> None:
        if name in self._outputs:
            return
        directory = Path(name)
        contents = read_contents(directory)
        large = [one for one in contents.files if (directory / one).stat().st_size >= LARGE]
        for one, expected in contents.files.items():
            self._check(one in large, require_digest, directory / one, expected, directory)
        if known := self.recorded.get(name):
            self._check(bool(large), require_recorded, directory, contents, known)
        digest = hashlib.sha256(json.dumps(contents.files, sort_keys=True).encode()).hexdigest()
        made = MadeOutput(contents.output, digest, contents.made_from, contents.kernels)
        self._outputs[name] = made
        for path, state in {**contents.made_from, contents.output: digest}.items():
            first, known = self._states.setdefault(path, (contents.output, state))
            if state != known:
                raise InputError(
                    f"{contents.output}: made from another {path} than {first}; delete both and "
                    "run `dvc repro`, or `dvc checkout` if they lie in DVC's cache"
                )

    def _check(self, later: bool, check: Callable[..., None], *arguments: Any) -> None:
        if later:
            self._checks.append(self._pool.submit(check, *arguments))
        else:
            check(*arguments)

    @property
    def outputs(self) -> list[MadeOutput]:
        """The dependencies that the stage has asked for."""
        return [self._outputs[name] for name in self._outputs if name in self._asked]

    def require_whole(self) -> None:
        """Wait for the checks.

        Raises
        ------
        InputError
            A file holds other bytes than were written.
        """
        for check in self._checks:
            check.result()

    def digests(self) -> dict[str, str]:
        """Return what an output is made from: digests by path, of its inputs and their weights."""
        found = {}
        for one in self.outputs:
            carried = {path: d for path, d in one.made_from.items() if path.startswith(CARRIED)}
            found |= carried | {one.path: one.digest}
        return found

    def kernels(self) -> list[str]:
        """Return the variables that choose kernels, as they are set now or were for an input."""
        return sorted({*kernel_settings(), *(text for one in self.outputs for text in one.kernels)})


class Outputs:
    """Where a stage writes the outputs that its entry in dvc.yaml lists.

    Each is written into a folder `<output>.partial` and appears whole when all are written, or not
    at all. The runner adds a `contents.json` to an output in DVC's cache, and writes the SHA-256 of
    results in git into the listed output that ends in `.sha256`.
    """

    def __init__(self, listed: Collection[str], results: Collection[str], stage: str = "") -> None:
        self.listed, self.results, self.stage = listed, results, stage

    def __getitem__(self, path: str | Path) -> Path:
        """Return where to write an output: a folder that is there, or a file's path.

        Raises
        ------
        InputError
            dvc.yaml does not list it.
        """
        name = Path(path).as_posix()
        if name not in self.listed:
            raise InputError(
                f"{GRAPH}: stage {self.stage} writes {name} and does not list it; add the line "
                f"`- {name}` under its `outs`"
            )
        partial = partial_folder(Path(name))
        return partial / Path(name).name if name in self.results else partial

    @contextmanager
    def written(self, inputs: Inputs) -> Iterator[None]:
        """Make the folders to write into; move what was written into place if nothing failed.

        Raises
        ------
        InputError
            An input holds other bytes than were written, an output was not written, or the disk is
            full (or the user's quota is).
        """
        try:
            for path in self.listed:
                remove_partial(Path(path)).mkdir(parents=True)
            yield
            inputs.require_whole()
            self._seal(inputs)
            for path in map(Path, self.listed):
                if path.as_posix() in self.results:
                    self[path].replace(path)
                else:
                    shutil.rmtree(path, ignore_errors=True)
                    self[path].replace(path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise InputError(
                    f"{', '.join(self.listed)}: the disk is full; nothing was left there: free "
                    "space and run again"
                ) from error
            raise
        finally:
            for path in self.listed:
                remove_partial(Path(path))

    def _seal(self, inputs: Inputs) -> None:
        sums = [path for path in self.results if path.endswith(SUMS)]
        for path in self.listed:
            if path in sums:
                continue
            if path not in self.results:
                write_contents(Path(path), inputs, self[path])
            elif not self[path].exists():
                raise InputError(
                    f"{GRAPH}: stage {self.stage} did not write {path}, which it lists"
                )
        results = {path: self[path] for path in sorted(self.results) if path not in sums}
        for path in sums:
            write_checksums(self[path], results, inputs.kernels())


def partial_folder(path: Path) -> Path:
    """Return the folder in which an output is written before it is whole."""
    return path.with_name(f"{path.name}.partial")


def remove_partial(path: Path) -> Path:
    """Remove what an interrupted run has left of an output, and return the folder's path."""
    partial = partial_folder(path)
    shutil.rmtree(partial, ignore_errors=True)
    return partial


def write_contents(
    directory: Path, inputs: Inputs | None = None, folder: Path | None = None
) -> None:
    """Write the `contents.json` of the output `directory`, which may still be in `folder`."""
    inputs, folder = inputs or Inputs((), ()), folder or directory
    files = {name: file_digest(folder / name) for name in files_in(folder)}
    contents = Contents(
        output=directory.as_posix(),
        files=files,
        made_from=inputs.digests(),
        kernels=inputs.kernels(),
    )
    write_json(folder / CONTENTS, msgspec.to_builtins(contents))


def files_in(folder: Path) -> list[str]:
    """Return the paths of an output's files, except shards and `contents.json`."""
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    return sorted(name for name in names if name != CONTENTS and not name.endswith(SHARD))


def read_contents(directory: Path) -> Contents:
    """Read an output's contents, and check that all of it is there and in its place.

    Raises
    ------
    InputError
        It is not.
    """
    file = directory / CONTENTS
    try:
        contents = msgspec.json.decode(file.read_bytes(), type=Contents)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; `dvc repro` or `dvc pull` makes it") from None
    except DAMAGED_JSON as error:
        raise InputError(f"{file}: damaged ({error}); {mended(directory)}") from None
    if contents.output != directory.as_posix():
        raise InputError(
            f"{directory}: this is {contents.output}, in another's place; {mended(directory)}"
        )
    if differing := sorted(contents.files.keys() ^ set(files_in(directory))):
        which = "is missing" if differing[0] in contents.files else "was not written there"
        raise InputError(f"{directory / differing[0]}: {which}; {mended(directory)}")
    return contents


def require_digest(file: Path, expected: str, directory: Path) -> None:
    """Refuse a file of an output that holds other bytes than were written.

    Raises
    ------
    InputError
        Names both digests.
    """
    if (got := file_digest(file)) != expected:
        raise InputError(
            f"{file}: expected the SHA-256 {expected}, got {got}: it is not what was written; "
            f"{mended(directory)}"
        )


def require_recorded(directory: Path, contents: Contents, known: Collection[str]) -> None:
    """Refuse an output whose `contents.json` is not the one in the state that dvc.lock records.

    The other files have their digests in it, so it alone can be wrong. One that names no origins
    and no kernels has nothing else to believe. Shards would have to be read whole; a dataset with
    shards has no origins.

    Raises
    ------
    InputError
        Names both MD5s.
    """
    files = [file for file in directory.rglob("*") if file.is_file()]
    if not (contents.made_from or contents.kernels) or any(f.suffix == SHARD for f in files):
        return
    got = folder_md5({file.relative_to(directory).as_posix(): file_md5(file) for file in files})
    if got not in known:
        raise InputError(
            f"{directory / CONTENTS}: {LOCK} records {directory} with the MD5 "
            f"{' or '.join(sorted(known))}, got {got}: its origins may be damaged; "
            f"{mended(directory)}. If you ran its stage without DVC, `dvc commit` records it"
        )


def require_recorded_sums(sums: Path, known: Collection[str]) -> None:
    """Refuse checksums of results in git that dvc.lock does not record: they name kernels, too.

    Raises
    ------
    InputError
        Names both MD5s.
    """
    if (got := file_md5(sums)) not in known:
        raise InputError(
            f"{sums}: {LOCK} records the MD5 {' or '.join(sorted(known))}, got {got}: "
            "`git restore` it and its results, or delete them and run `dvc repro`. If you ran its "
            "stage without DVC, `dvc commit` records it"
        )


def mended(directory: Path) -> str:
    """Say how to get an output back."""
    return (
        f"delete {directory} and run `make fsck`, which says whether `dvc checkout`, `dvc pull` or "
        "`dvc repro` brings it back"
    )


def write_checksums(file: Path, results: Mapping[str, Path], kernels: Sequence[str] = ()) -> None:
    """Write the SHA-256 of results in git, one per line, in the format of `sha256sum --check`.

    `results` maps their paths to where they are now. Comments before them name the variables that
    chose kernels, if any are set.
    """
    lines = [f"# {text}\n" for text in kernels]
    lines += [f"{file_digest(where)}  {path}\n" for path, where in results.items()]
    write_whole(file, "".join(lines).encode())


def require_checksums(file: Path, *results: Path) -> list[str]:
    """Check results in git against what `write_checksums` wrote.

    Returns
    -------
    the variables that chose kernels when they were computed

    Raises
    ------
    InputError
        A result is missing or holds other bytes than were written, or the checksums are of others.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
        kernels = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
        written = dict(line.split("  ", 1)[::-1] for line in lines[len(kernels) :])
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error}); `dvc repro` makes it") from None
    for result in results:
        if not result.exists():
            raise InputError(f"{result}: no such file; `dvc repro` makes it, or `git restore`")
        expected, got = written.get(result.as_posix(), "none"), file_digest(result)
        if got != expected:
            raise InputError(
                f"{result}: expected the SHA-256 {expected} of {file}, got {got}: it is not what "
                "was written; `git restore` both, or delete them and run `dvc repro`"
            )
    return kernels
