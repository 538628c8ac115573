"""Outputs of stages: what each holds and what it was made from, checked whenever it is read.

DVC does not look into an output again once it has recorded its hash, and it accepts whatever a
remote has under the hash's name. So each output has a `contents.json` with its own path, the
SHA-256 of every file in it and the digests of the outputs that it was made from.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from interpreting_clip.errors import DAMAGED_JSON, InputError
from interpreting_clip.formats.folders import complete_directory, file_digest
from interpreting_clip.formats.json import write_json, write_whole
from interpreting_clip.kernels import kernel_settings

CONTENTS = "contents.json"

SHARD = ".tar"
"""The suffix of shards: a dataset's card has their digests, which are checked on opening."""

CARRIED = "data/weights/"
"""An output records the weights that it comes from, and otherwise only its direct inputs."""

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


class Output(NamedTuple):
    """An output: its path, a digest of its files, the digests of its origins, and its kernels."""

    path: str
    digest: str
    made_from: Mapping[str, str]
    kernels: Sequence[str]


class Inputs(NamedTuple):
    """The outputs that a stage reads, and the checks of their large files, perhaps running."""

    outputs: list[Output]
    checks: list[Future[None]]

    def require_whole(self) -> None:
        """Wait for the checks.

        Raises
        ------
        InputError
            A file holds other bytes than were written.
        """
        for check in self.checks:
            check.result()

    def kernels(self) -> list[str]:
        """Return the variables that choose kernels, as they are set now or were for an input."""
        return sorted({*kernel_settings(), *(text for one in self.outputs for text in one.kernels)})


NOTHING = Inputs([], [])


@contextmanager
def new_output(directory: Path, inputs: Inputs = NOTHING) -> Iterator[Path]:
    """Give a folder to write an output made from `inputs` into; it appears whole or not at all.

    Raises
    ------
    InputError
        An input holds other bytes than were written, or the disk is full.
    """
    with complete_directory(directory) as partial:
        yield partial
        write_contents(directory, inputs, partial)


def write_contents(directory: Path, inputs: Inputs = NOTHING, folder: Path | None = None) -> None:
    """Write the `contents.json` of the output `directory`, which may still be in `folder`.

    Raises
    ------
    InputError
        An input holds other bytes than were written.
    """
    inputs.require_whole()
    folder, origins = folder or directory, {}
    for one in inputs.outputs:
        carried = {path: d for path, d in one.made_from.items() if path.startswith(CARRIED)}
        origins |= carried | {one.path: one.digest}
    files = {name: file_digest(folder / name) for name in files_in(folder)}
    contents = Contents(
        output=directory.as_posix(), files=files, made_from=origins, kernels=inputs.kernels()
    )
    write_json(folder / CONTENTS, msgspec.to_builtins(contents))


def files_in(folder: Path) -> list[str]:
    """Return the paths of an output's files, except shards and `contents.json`."""
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    return sorted(name for name in names if name != CONTENTS and not name.endswith(SHARD))


def open_outputs(*directories: Path) -> Inputs:
    """Check before reading that each output is whole and in its place, and that they fit together.

    Large files are checked while they are used, and nothing is written before the checks have
    ended. Shards of a dataset are checked when they are opened.

    Raises
    ------
    InputError
        An output is missing, holds other bytes than were written, or belongs to another stage or
        encoder; or two outputs were made from different states of a third.
    """
    pool = ThreadPoolExecutor(thread_name_prefix="check")
    inputs = Inputs([], [])
    seen: dict[str, tuple[str, str]] = {}
    for directory in directories:
        contents = read_contents(directory)
        for name, expected in contents.files.items():
            file = directory / name
            if file.stat().st_size < LARGE:
                require_digest(file, expected, directory)
            else:
                inputs.checks.append(pool.submit(require_digest, file, expected, directory))
        digest = hashlib.sha256(json.dumps(contents.files, sort_keys=True).encode()).hexdigest()
        made = Output(contents.output, digest, contents.made_from, contents.kernels)
        inputs.outputs.append(made)
        for path, state in {**contents.made_from, contents.output: digest}.items():
            first, known = seen.setdefault(path, (contents.output, state))
            if state != known:
                raise InputError(
                    f"{contents.output}: made from another {path} than {first}; delete both and "
                    "run `dvc repro`, or `dvc checkout` if they lie in DVC's cache"
                )
    pool.shutdown(wait=False)
    return inputs


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


def mended(directory: Path) -> str:
    """Say how to get an output back."""
    return (
        f"delete {directory} and run `make fsck`, which says whether `dvc checkout`, `dvc pull` or "
        "`dvc repro` brings it back"
    )


def write_checksums(file: Path, *results: Path, inputs: Inputs = NOTHING) -> None:
    """Write the SHA-256 of results in git, one per line, in the format of `sha256sum --check`.

    Comments before them name the variables that chose kernels, if any are set.
    """
    lines = [f"# {text}\n" for text in inputs.kernels()]
    lines += [f"{file_digest(result)}  {result.as_posix()}\n" for result in results]
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
