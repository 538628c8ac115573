"""A file of weights from where it lies onto this machine."""

from dataclasses import dataclass
from pathlib import Path

from stages.encoders.locations import AtHub, AtPath, AtUrl, Location
from stages.storage.digests import file_digest
from stages.storage.errors import InputError
from stages.storage.machine import Machine
from stages.transfer.download import download
from stages.transfer.hub import fetch_file, repository_files


@dataclass(frozen=True)
class Arrived:
    """A file that is here, and what its encoder's card says of it.

    `location` is the same on every machine: no folder of this one is in it.
    """

    file: Path
    location: str
    sha256: str
    revision: str | None = None


def arrive(location: Location, machine: Machine) -> Arrived:
    """Return the file at a location, downloaded if it lies elsewhere.

    Raises
    ------
    InputError
        It cannot be had, or it is another file than its checksum says.
    """
    if isinstance(location, AtHub):
        return from_hub(location, machine)
    if isinstance(location, AtUrl):
        downloads = Path(machine.downloads)
        file = download(location.url, location.sha256, downloads, mirror=machine.mirror)
        return Arrived(file, location.url, file_digest(file))
    return from_folder(location, machine)


def from_hub(location: AtHub, machine: Machine) -> Arrived:
    """Bring the first of a repository's files that it has.

    Raises
    ------
    InputError
        It has none of them, or the file cannot be had.
    """
    there = repository_files(location.repository, location.revision, "*", "model")
    names = [file.path for file in there]
    name = next((name for name in location.files if name in names), None)
    if name is None:
        raise InputError(
            f"{location.repository}@{location.revision}: expected {' or '.join(location.files)}, "
            f"found {', '.join(names[:8])}; download the weights and use `source: checkpoint`"
        )
    commit, downloads = there[0].commit, Path(machine.downloads)
    file = fetch_file(location.repository, name, commit, "model", downloads)
    return Arrived(file, f"{location.repository}/{name}", file_digest(file), commit)


def from_folder(location: AtPath, machine: Machine) -> Arrived:
    """Check a file of this machine against its checksum.

    Raises
    ------
    InputError
        There is no such file, or it is another.
    """
    file = Path(machine.folders) / location.file
    if not file.is_file():
        raise InputError(
            f"{file}: no such file of weights; put it there, or let `folders` in compute.yaml name "
            "the folder that it is in"
        )
    came = file_digest(file)
    if came != location.sha256:
        raise InputError(
            f"{file}: expected the SHA-256 {location.sha256}, got {came}; it is another file or "
            "damaged: correct `sha256` in params.yaml, or get the file again"
        )
    return Arrived(file, location.file.as_posix(), came)
