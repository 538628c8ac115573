"""Reads tar and zip archives file by file, in memory; nothing is unpacked to disk.

`tarfile.data_filter` does not help here: it checks where a member would be written on disk, and
strips the leading `/` of an absolute name, while such an archive is refused here.
"""

import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EINVAL
from io import BufferedIOBase, BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, cast

from interpreting_clip.errors import InputError

PASSWORD = "INTERPRETING_CLIP_OBJECTNET_PASSWORD"  # noqa: S105
"""The environment variable that holds the password of an encrypted archive."""

LARGEST = 1 << 26
"""The most bytes of one image or table, which is read into memory (a tar in a tar is not).

The largest in published sets are images of ObjectNet and Broden's index, some 20 MB.
"""

RATIO = 10
"""An archive may unpack to this many times its size, and to `LARGEST` beyond that.

Published archives hold images, which are compressed already, and unpack to about their size.
"""

DEPTH = 2
"""How deeply tars may be nested: ImageNet's train tar has one tar per class, or is in a zip.
"""

_HEADERS = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)

HEADER = 1 << 20
"""The most bytes of a member's long name or other extended headers in a tar."""

PARTS = 16
"""The most parts of a path, folders and file; official archives have 6."""

Member = tuple[str, BufferedIOBase]
"""A file's name, with `/`, and its content, which must be read before the next file."""


class PlainMember(tarfile.TarInfo):
    """A member of a tar, refused if it is sparse or its size or header is not plausible.

    `tarfile` trusts headers: it reads names of gigabytes, seeks backwards by a negative size, and
    fills the holes of a sparse file with zeros, however large they are.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "PlainMember":
        """Read a header.

        Raises
        ------
        ValueError
            The member is sparse, its size is negative, or its header has more than `HEADER` bytes.
        """
        item = super().frombuf(buf, encoding, errors)
        if item.type == tarfile.GNUTYPE_SPARSE:
            cls._refuse_sparse()
        if item.size < 0 or (item.type in _HEADERS and item.size > HEADER):
            raise ValueError(f"a header announces {item.size:,} bytes")
        return item

    @staticmethod
    def _refuse_sparse(*_: object) -> None:
        raise ValueError("a file in it is sparse; pack it without `--sparse`")

    # `tarfile` calls this for the three sparse formats of PAX.
    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


def iterate_archive(
    file: Path, where: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each wanted file of a tar or zip, in the archive's order.

    Tars are plain or compressed by gzip, bzip2 or xz; the first bytes say which kind it is. A tar
    in a tar or zip counts as a folder of its name (`n01440764.tar` holds `n01440764/…`). The end of
    each tar is checked, and a compressed one is read to its end: only then is it known to be whole.
    The password of an encrypted zip comes from the environment. `wanted` is called with each name;
    files that it declines are skipped, and in a zip not even decrypted, which takes Python about a
    second per MB. `where` names the archive in errors, since the file of a download is named by its
    digest.

    One file at a time is in memory. Only the names are kept; for a zip, Python also keeps 500 to
    600 bytes of its directory for each.

    Raises
    ------
    InputError
        The archive is damaged, truncated or not an archive, unpacks to too much (see `RATIO`),
        names a file twice or something outside of its own folder, or holds a link, a device, a
        sparse file, tars deeper than `DEPTH`, or a file larger than `LARGEST`; or its password is
        missing or wrong.
    """
    with readable_archive(where), _open_file(file) as stream:
        # Not by the name: a download is named by its digest. The second signature is an empty
        # zip's.
        zipped = stream.read(4) in (b"PK\3\4", b"PK\5\6")
        stream.seek(0)
        if zipped:
            members = _zip_members(stream, where, os.environ.get(PASSWORD))
        else:
            members = _tar_members(stream, where, "r:*", _most(stream), depth=0)
        for name, content in members:
            if wanted(name):
                yield name, read_member(content, where, name)


def read_member(
    content: IO[bytes] | BufferedIOBase, where: str, name: str, most: int | None = None
) -> bytes:
    """Read a file of a dataset, up to `LARGEST`, since a kilobyte can unpack to gigabytes.

    `most` overrides that limit for files that are known to be smaller or larger.

    Raises
    ------
    InputError
        It is larger than that.
    """
    most = most or LARGEST
    # One byte more than is allowed tells a file that is too large.
    data = content.read(most + 1)
    if len(data) > most:
        raise InputError(
            f"{where}: '{name}' has more than {most:,} bytes, larger than any such file that was "
            "published; nothing was taken. Get it from its publisher"
        )
    return data


def read_file(file: Path, most: int | None = None) -> bytes:
    """Read a file of a dataset from a folder.

    Raises
    ------
    InputError
        It is larger than `LARGEST` or `most`, or not a regular file (a pipe, say).
    """
    with _open_file(file) as content:
        return read_member(content, str(file.parent), file.name, most)


def _open_file(file: Path) -> BufferedReader:
    """Open a file without waiting for the other end of a pipe, which might never come."""
    if os.path.lexists(file) and not file.is_file():
        raise InputError(
            f"{file}: expected a file, got a pipe, a device, a folder or a broken link; remove it"
        )
    return file.open("rb")


def _most(stream: BufferedIOBase) -> int:
    """Return how many bytes an archive may unpack to."""
    return LARGEST + RATIO * os.fstat(stream.fileno()).st_size


def _tar_members(
    stream: BufferedIOBase, where: str, mode: str, most: int, folder: str = "", *, depth: int
) -> Iterator[Member]:
    """Yield the files of a tar of at most `most` bytes, names below `folder`."""
    names: set[str] = set()
    with tarfile.open(fileobj=stream, mode=mode, tarinfo=PlainMember) as tar:  # pyright: ignore
        while (item := tar.next()) is not None:
            tar.members.clear()  # tarfile would keep all members in memory
            if tar.offset > most:
                raise _too_much(where)
            name = _safe(item.name, where)
            if item.isdir():
                continue
            if not item.isreg():
                raise _no_file(name, where)
            _require_new(name, names, where)
            content = cast("BufferedIOBase", tar.extractfile(item))
            yield from _opened(content, where, folder + name, item.size, depth)
        _check_end(tar, where, most)


def _check_end(tar: tarfile.TarFile, where: str, most: int) -> None:
    """Read to the end, past the record of zeros that must follow the last file.

    Raises
    ------
    tarfile.ReadError
        Something else follows, or nothing: `tarfile` would accept both as the end.
    """
    stream = cast("BufferedIOBase", tar.fileobj)
    # tarfile takes the end of the file, or anything that is no header, for the end.
    stream.seek(tar.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("its end mark is missing")
    # Of a compressed archive, only reading to the end checks the checksum.
    while stream.read(1 << 20):
        if stream.tell() > most:
            raise _too_much(where)


def _zip_members(stream: BufferedIOBase, where: str, password: str | None) -> Iterator[Member]:
    """Yield the files of a zip."""
    with open_zip(stream, where) as archive:
        # In the order of the bytes, so that a large file is read from front to back.
        for item in sorted(archive.infolist(), key=lambda item: item.header_offset):
            if not item.is_dir():
                name, content = (
                    _safe(item.filename, where),
                    _open_zipped(archive, item, where, password),
                )
                yield from _opened(content, where, name, item.file_size, 0)


def open_zip(stream: BufferedIOBase, where: str) -> zipfile.ZipFile:
    """Open a zip after checking its directory; to be used inside `readable_archive`.

    Raises
    ------
    InputError
        As `iterate_archive`, for what the directory shows.
    """
    archive, names, most = zipfile.ZipFile(stream), set[str](), _most(stream)
    # These sizes are only announced; `read_member` limits what really comes out.
    if sum(item.file_size for item in archive.infolist()) > most:
        raise _too_much(where)
    for item in archive.infolist():
        name = _safe(item.filename, where)
        # The Unix file type; 0 if the archive was not packed on Unix.
        if not item.is_dir() and stat.S_IFMT(item.external_attr >> 16) not in (stat.S_IFREG, 0):
            raise _no_file(name, where)
        if not item.is_dir():
            _require_new(name, names, where)
    return archive


def _open_zipped(
    archive: zipfile.ZipFile, item: zipfile.ZipInfo, where: str, password: str | None
) -> BufferedIOBase:
    """Open a file of a zip, with the password if it is encrypted."""
    # Bit 0 of the flags: the file is encrypted.
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


def _opened(
    content: BufferedIOBase, where: str, name: str, size: int, depth: int
) -> Iterator[Member]:
    """Yield a file, or the files of one that is a tar itself."""
    with content:
        if not name.endswith(".tar"):
            yield name, content
        elif depth < DEPTH:
            folder = name.removesuffix(".tar") + "/"
            # A tar in an archive has to be a plain one, which cannot unpack to more than its own
            # size.
            yield from _tar_members(content, f"{where}/{name}", "r:", size, folder, depth=depth + 1)
        else:
            raise InputError(
                f"{where}: '{name}' is a tar in {DEPTH + 1} archives, {DEPTH} at most were "
                "expected; unpack it with another program and take the folder (`source: folder`)"
            )


def _require_new(name: str, names: set[str], where: str) -> None:
    """Refuse a name that came before, since nothing says which of the two is meant; record it."""
    if name in names:
        raise InputError(
            f"{where}: the archive holds '{name}' twice; nothing was taken. No official archive "
            "does that: fetch it from its publisher"
        )
    names.add(name)


def _too_much(where: str) -> InputError:
    """Return the error that an archive is a bomb."""
    return InputError(
        f"{where}: the archive unpacks to more than {RATIO} times its size, and images hardly "
        "compress; nothing was taken. Fetch it from its publisher, or unpack it with another "
        "program and take the folder (`source: folder`)"
    )


def _no_file(name: str, where: str) -> InputError:
    """Return the error that an archive holds something that is neither file nor folder."""
    return InputError(
        f"{where}: '{name}' is a link, a device or a pipe; nothing was taken. Unpack the archive "
        "with another program and take the folder (`source: folder`)"
    )


def _safe(name: str, where: str) -> str:
    """Return a name without `.` and doubled `/`; refuse one that leaves the archive's folder."""
    path = PurePosixPath(name)
    if len(path.parts) > PARTS:
        raise InputError(
            f"{where}: a name in the archive has {len(path.parts):,} parts, at most {PARTS} were "
            f"expected: '{name[:100]}…'; nothing was taken. Fetch it from its publisher"
        )
    # A backslash separates folders on Windows, and would leave the folder there.
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
        Reading it raised what `tarfile` and `zipfile` raise for damage and for unknown formats.
    """
    damages = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
    numbers = (ValueError, LookupError, OverflowError, MemoryError, struct.error)  # in a header
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such archive; fetch it again") from error
    except (*damages, *numbers, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno not in (None, EINVAL):
            # a disk error; errors of gzip and bzip2 have no number, and a wrong offset is EINVAL
            raise
        raise InputError(
            f"{where}: no tar or zip, damaged, cut short or, if encrypted, opened with a wrong "
            f"password ({str(error).partition(chr(10))[0]}); get a whole copy, and where "
            "params.yaml has its `sha256`, correct that too"
        ) from error
