"""Reads tar and zip archives file by file, in memory; nothing is unpacked onto a disk.

`tarfile.data_filter` is of no use for that: it judges where a member would land on the disk, and
takes the first `/` off an absolute name where such an archive is refused here.
"""

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import IO, cast

from stages.runtime.errors import InputError

PASSWORD = "INTERPRETING_CLIP_OBJECTNET_PASSWORD"  # noqa: S105
"""The environment variable that holds the password of an encrypted archive."""

LARGEST = 1 << 30
"""The most bytes of one file in an archive, which is read into memory; a tar in a tar is not."""

Member = tuple[str, BufferedIOBase]
"""A file's name, with `/`, and its content, to be read before the next is asked for."""


def iterate_archive(
    file: Path, where: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each wanted file of a tar or zip, in the archive's order.

    Tars are plain or compressed by gzip, bzip2 or xz; the first bytes say which kind it is. A tar
    in a tar or zip counts as a folder of its name (`n01440764.tar` holds `n01440764/…`). The end of
    each tar is checked, and all of a compressed one is read: only an archive that was read to its
    end was whole. The password of an encrypted zip comes from the environment. `wanted` is asked
    about each name in turn; what it refuses is passed over, and in a zip not even decrypted, which
    in Python takes a second for each MB or so. `where` is what errors call the archive, since a
    download's file is named by its digest.

    Raises
    ------
    InputError
        The archive is damaged or cut short, is none, names something outside of its own folder, or
        holds a link, a device, or a file that unpacks to more than `LARGEST` bytes; its password is
        missing or wrong.
    """
    with readable_archive(where), file.open("rb") as stream:
        zipped = stream.read(4) in (b"PK\3\4", b"PK\5\6")
        stream.seek(0)
        if zipped:
            members = _zip_members(stream, where, os.environ.get(PASSWORD))
        else:
            members = _tar_members(stream, where, "r:*")
        for name, content in members:
            if wanted(name):
                yield name, read_member(content, where, name)


def read_member(content: IO[bytes] | BufferedIOBase, where: str, name: str) -> bytes:
    """Read a file of an archive: a kilobyte can unpack to gigabytes, so no more than `LARGEST`.

    Raises
    ------
    InputError
        It is larger than that.
    """
    data = content.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise InputError(
            f"{where}: '{name}' unpacks to more than {LARGEST:,} bytes, larger than any image or "
            "table of a dataset; nothing was taken. Fetch the archive from its publisher"
        )
    return data


def _tar_members(
    stream: BufferedIOBase, where: str, mode: str, folder: str = ""
) -> Iterator[Member]:
    """Yield the files of a tar, names below `folder`."""
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # pyright: ignore
        for item in tar:
            name = _safe(item.name, where)
            if item.isdir():
                continue
            if not item.isreg():
                raise _no_file(name, where)
            content = cast("BufferedIOBase", tar.extractfile(item))
            yield from _opened(content, where, folder + name)
        _check_end(tar)


def _check_end(tar: tarfile.TarFile) -> None:
    """Read to the end, past the record of zeros that must stand where the last file ends.

    Raises
    ------
    tarfile.ReadError
        Something else stands there, or nothing: `tarfile` takes both for the end.
    """
    stream = cast("BufferedIOBase", tar.fileobj)
    stream.seek(tar.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("its end mark is missing")
    while stream.read(1 << 20):
        pass


def _zip_members(stream: BufferedIOBase, where: str, password: str | None) -> Iterator[Member]:
    """Yield the files of a zip."""
    with zipfile.ZipFile(stream) as archive:
        for item in sorted(archive.infolist(), key=lambda item: item.header_offset):
            name = _safe(item.filename, where)
            if item.is_dir():
                continue
            # The kind of file as Unix has it; 0 where no Unix packed the archive.
            if stat.S_IFMT(item.external_attr >> 16) not in (stat.S_IFREG, 0):
                raise _no_file(name, where)
            yield from _opened(_open_zipped(archive, item, where, password), where, name)


def _open_zipped(
    archive: zipfile.ZipFile, item: zipfile.ZipInfo, where: str, password: str | None
) -> BufferedIOBase:
    """Open a file of a zip, with the password if it is encrypted."""
    if item.flag_bits & 1 and not password:
        raise InputError(
            f"{where}: encrypted, as ObjectNet's archive is: read its licence at objectnet.dev, "
            f"then give the password published there in the environment variable {PASSWORD}"
        )
    try:
        content = archive.open(item, pwd=password.encode() if password else None)
        return cast("BufferedIOBase", content)
    except NotImplementedError as error:
        raise InputError(
            f"{where}: '{item.filename}': {error}; unpack it with another program and take the "
            "folder (`source: folder`)"
        ) from error
    except RuntimeError as error:
        raise InputError(
            f"{where}: the password in the environment variable {PASSWORD} is wrong; it is "
            "published at objectnet.dev, with the licence"
        ) from error


def _opened(content: BufferedIOBase, where: str, name: str) -> Iterator[Member]:
    """Yield a file, or the files of one that is a tar itself."""
    with content:
        if name.endswith(".tar"):
            folder = name.removesuffix(".tar") + "/"
            yield from _tar_members(content, f"{where}/{name}", "r:", folder)
        else:
            yield name, content


def _no_file(name: str, where: str) -> InputError:
    """Return the error that an archive holds what is neither file nor folder."""
    return InputError(
        f"{where}: '{name}' is a link, a device or a pipe; nothing was taken. Unpack the archive "
        "with another program and take the folder (`source: folder`)"
    )


def _safe(name: str, where: str) -> str:
    """Return a name without `.` and doubled `/`, unless it leaves the archive's own folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise InputError(
            f"{where}: the archive names '{name}', outside of its own folder; nothing was taken. "
            "No official archive does that: fetch it from its publisher"
        )
    return path.as_posix()


@contextmanager
def readable_archive(where: str) -> Iterator[None]:
    """Explain an archive that cannot be read; `where` names it, or a file in it.

    Raises
    ------
    InputError
        Reading it raised what `tarfile` and `zipfile` raise for damage and for forms that they do
        not know.
    """
    damages = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such archive; fetch it again") from error
    except (*damages, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk; what gzip and bzip2 say has no number
        raise InputError(
            f"{where}: no tar or zip, damaged, cut short or, if encrypted, opened with a wrong "
            f"password ({str(error).partition(chr(10))[0]}); get a whole copy, and where "
            "params.yaml has its `sha256`, correct that too"
        ) from error
