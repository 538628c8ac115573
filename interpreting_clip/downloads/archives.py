"""Reads tar and zip archives file by file, in memory; nothing is unpacked to disk.

`tarfile.data_filter` does not help here: it checks where a member would be written on disk, and
strips the leading `/` of an absolute name, while such an archive is refused here.
"""

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EINVAL
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import cast

from interpreting_clip.errors import InputError

PASSWORD = "INTERPRETING_CLIP_OBJECTNET_PASSWORD"  # noqa: S105
"""The environment variable that holds the password of an encrypted archive."""

Member = tuple[str, BufferedIOBase]
"""A file's name, with `/`, and its content, which must be read before the next file."""


def iterate_archive(
    file: Path, where: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each file of a tar or zip in the archive's order, and the wanted contents.

    Tars are plain or compressed by gzip, bzip2 or xz, recognised by the first bytes. A tar
    in a tar or zip counts as a folder of its name (`n01440764.tar` holds `n01440764/…`). The end of
    each tar is checked, and a compressed one is read to its end: only then is it known to be whole.
    The password of an encrypted zip comes from the environment. Files that are not wanted are
    skipped, with an empty content; in a zip they are not even decrypted, which takes Python about a
    second per MB. `where` names the archive in errors, since the file of a download is named by its
    digest. One file at a time is in memory.
    """
    with readable_archive(where), file.open("rb") as stream:
        # Not by the name: a download is named by its digest. The second signature is an empty
        # zip's.
        zipped = stream.read(4) in (b"PK\3\4", b"PK\5\6")
        stream.seek(0)
        members = _zip_members(stream, where) if zipped else _tar_members(stream, where, "r:*")
        for name, content in members:
            yield name, content.read() if wanted(name) else b""


def _tar_members(
    stream: BufferedIOBase, where: str, mode: str, folder: str = ""
) -> Iterator[Member]:
    """Yield the files of a tar, names below `folder`."""
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # pyright: ignore
        while (item := tar.next()) is not None:
            tar.members.clear()  # tarfile would keep all members in memory
            name = _safe(item.name, where)
            if item.isdir():
                continue
            if not item.isreg():
                raise _no_file(name, where)
            content = cast("BufferedIOBase", tar.extractfile(item))
            yield from _opened(content, where, folder + name)
        _check_end(tar)


def _check_end(tar: tarfile.TarFile) -> None:
    """Read to the end, past the record of zeros that must follow the last file."""
    stream = cast("BufferedIOBase", tar.fileobj)
    # tarfile takes the end of the file, or anything that is not a header, for the end.
    stream.seek(tar.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("its end mark is missing")
    # Of a compressed archive, only reading to the end checks the checksum.
    while stream.read(1 << 20):
        pass


def _zip_members(stream: BufferedIOBase, where: str) -> Iterator[Member]:
    """Yield the files of a zip."""
    with open_zip(stream, where) as archive:
        # In the order of the bytes, so that a large file is read from front to back.
        for item in sorted(archive.infolist(), key=lambda item: item.header_offset):
            if not item.is_dir():
                content = _open_zipped(archive, item, where)
                yield from _opened(content, where, _safe(item.filename, where))


def open_zip(stream: BufferedIOBase, where: str) -> zipfile.ZipFile:
    """Open a zip after checking its directory; to be used inside `readable_archive`."""
    archive = zipfile.ZipFile(stream)
    for item in archive.infolist():
        name = _safe(item.filename, where)
        # The Unix file type; 0 if the archive was not packed on Unix.
        if not item.is_dir() and stat.S_IFMT(item.external_attr >> 16) not in (stat.S_IFREG, 0):
            raise _no_file(name, where)
    return archive


def _open_zipped(archive: zipfile.ZipFile, item: zipfile.ZipInfo, where: str) -> BufferedIOBase:
    """Open a file of a zip, with the password if it is encrypted."""
    password = os.environ.get(PASSWORD)
    # Bit 0 of the flags: the file is encrypted.
    if item.flag_bits & 1 and not password:
        raise InputError(
            f"{where}: encrypted, as ObjectNet's archive is: read its licence at objectnet.dev, "
            f"then give the password published there in the environment variable {PASSWORD}"
        )
    content = archive.open(item, pwd=password.encode() if password else None)
    return cast("BufferedIOBase", content)


def _opened(content: BufferedIOBase, where: str, name: str) -> Iterator[Member]:
    """Yield a file, or the files in it if it is a tar itself, which must be uncompressed."""
    with content:
        if name.endswith(".tar"):
            folder = name.removesuffix(".tar") + "/"
            yield from _tar_members(content, f"{where}/{name}", "r:", folder)
        else:
            yield name, content


def _no_file(name: str, where: str) -> InputError:
    """Return the error that an archive holds something that is neither file nor folder."""
    return InputError(
        f"{where}: '{name}' is a link, a device or a pipe; nothing was taken. Unpack the archive "
        "with another program and take the folder (`source: folder`)"
    )


def _safe(name: str, where: str) -> str:
    """Return a name without `.` and doubled `/`; refuse a name outside the archive's folder."""
    path = PurePosixPath(name)
    # A backslash separates folders on Windows, and would leave the folder there.
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise InputError(
            f"{where}: the archive names '{name}', outside of its own folder; nothing was taken. "
            "No official archive does that: fetch it from its publisher"
        )
    return path.as_posix()


@contextmanager
def readable_archive(where: str) -> Iterator[None]:
    """Explain an archive that cannot be read; `where` names it, or a file in it."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # tarfile and zipfile raise any, depending on the damage
        # A disk error; errors of gzip and bzip2 have no number, and a wrong offset is EINVAL.
        if isinstance(error, OSError) and error.errno not in (None, EINVAL):
            raise
        raise InputError(
            f"{where}: no tar or zip, damaged, cut short or, if encrypted, opened with a wrong "
            f"password in {PASSWORD} ({str(error).partition(chr(10))[0]}); get a whole copy, and "
            "where params.yaml has its `sha256`, correct that too; or unpack it with another "
            "program and take the folder (`source: folder`)"
        ) from error
