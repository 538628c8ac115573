"""Archives read file by file, without unpacking them onto a disk."""

import lzma
import os
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import TypeVar, cast

from stages.runtime.errors import InputError

PASSWORD = "INTERPRETING_CLIP_OBJECTNET_PASSWORD"  # noqa: S105
"""The environment variable that holds the password of an encrypted archive."""

BLOCK = 512
"""The size of a tar's records; one of zeros ends it."""

Item = TypeVar("Item", tarfile.TarInfo, zipfile.ZipInfo)
Member = tuple[str, BufferedIOBase]
"""A file's name, with `/`, and its content, to be read before the next is asked for."""


def members(file: Path, password: str | None = None, where: str = "") -> Iterator[Member]:
    """Yield the files of a tar (plain, gzip, bzip2, xz) or zip; what the file is, its start says.

    A tar in it is opened, its files lie in a folder of its name: `n01440764.tar` holds
    `n01440764/…`. The end of each tar is checked, and all of a compressed one is read, for only
    that shows that it is whole. `where` is what errors call it, if not by the file's own path: a
    download is named by its digest, which tells nobody what it is.

    Raises
    ------
    InputError
        A name or a link leaves the archive, a member is neither file nor folder, or the password
        of an encrypted zip is missing or wrong.
    """
    source = where or str(file)
    with file.open("rb") as stream:
        if stream.read(4) in (b"PK\3\4", b"PK\5\6"):
            yield from zip_members(stream, source, password or os.environ.get(PASSWORD))
        else:
            stream.seek(0)
            yield from tar_members(stream, source, "r:*")


def tar_members(
    stream: BufferedIOBase, source: str, mode: str, folder: str = ""
) -> Iterator[Member]:
    """Yield the files of a tar, names below `folder`.

    Raises
    ------
    InputError
        As `members`, but for the password.
    """
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # pyright: ignore

        @cache
        def named() -> dict[str, tarfile.TarInfo]:
            return {safe(item.name, source): item for item in tar.getmembers() if item.isreg()}

        for item in tar:
            name = safe(item.name, source)
            if item.isdir():
                continue
            if item.issym() or item.islnk():
                target = beside(name, item.linkname) if item.issym() else item.linkname
                item = linked(named(), safe(target, source), name, source)  # noqa: PLW2901
            if not item.isreg():
                raise InputError(f"{source}: '{name}' is a device or a pipe; nothing was taken")
            content = cast("BufferedIOBase", tar.extractfile(item))
            yield from opened(content, source, folder + name)
        check_end(tar)


def zip_members(stream: BufferedIOBase, source: str, password: str | None) -> Iterator[Member]:
    """Yield the files of a zip.

    Raises
    ------
    InputError
        As `members`.
    """
    with zipfile.ZipFile(stream) as archive:
        items = sorted(archive.infolist(), key=lambda item: item.header_offset)
        files = {safe(i.filename, source): i for i in items if is_zipped(i, stat.S_IFREG, 0)}
        for item in items:
            name = safe(item.filename, source)
            if item.is_dir():
                continue
            if is_zipped(item, stat.S_IFLNK):
                with open_zipped(archive, item, source, password) as content:
                    target = beside(name, content.read().decode())
                item = linked(files, safe(target, source), name, source)  # noqa: PLW2901
            if not is_zipped(item, stat.S_IFREG, 0):
                raise InputError(f"{source}: '{name}' is a device or a pipe; nothing was taken")
            yield from opened(open_zipped(archive, item, source, password), source, name)


def is_zipped(item: zipfile.ZipInfo, *kinds: int) -> bool:
    """Say whether an entry is of one of these kinds, 0 where no Unix packed it, and no folder."""
    return not item.is_dir() and stat.S_IFMT(item.external_attr >> 16) in kinds


def open_zipped(
    archive: zipfile.ZipFile, item: zipfile.ZipInfo, source: str, password: str | None
) -> BufferedIOBase:
    """Open a file of a zip, with the password if it is encrypted.

    Raises
    ------
    InputError
        It is encrypted, and the password is missing or wrong, or the method is not known.
    """
    if item.flag_bits & 1 and not password:
        raise InputError(
            f"{source}: encrypted, as ObjectNet's archive is: read its licence at objectnet.dev, "
            f"then give the password published there in the environment variable {PASSWORD}"
        )
    try:
        content = archive.open(item, pwd=password.encode() if password else None)
        return cast("BufferedIOBase", content)
    except NotImplementedError as error:
        raise InputError(
            f"{source}: '{item.filename}': {error}; unpack it with another program and take the "
            "folder (`source: folder`)"
        ) from error
    except RuntimeError as error:
        raise InputError(
            f"{source}: the password in the environment variable {PASSWORD} is wrong; it is "
            "published at objectnet.dev, with the licence"
        ) from error


def opened(content: BufferedIOBase, source: str, name: str) -> Iterator[Member]:
    """Yield a file, or the files of one that is a tar itself."""
    with content:
        if name.endswith(".tar"):
            yield from tar_members(
                content, f"{source}/{name}", "r:", name.removesuffix(".tar") + "/"
            )
        else:
            yield name, content


def linked(files: dict[str, Item], target: str, name: str, source: str) -> Item:
    """Return the file that a link names.

    Raises
    ------
    InputError
        It names none in the archive.
    """
    if target not in files:
        raise InputError(
            f"{source}: '{name}' links to '{target}', which is no file in the archive; unpack it "
            "with another program and take the folder (`source: folder`)"
        )
    return files[target]


def beside(name: str, target: str) -> str:
    """Return the path that a symbolic link at `name` names, `..` resolved as far as it goes."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def safe(name: str, source: str) -> str:
    """Return a name without `.` and doubled `/`.

    Raises
    ------
    InputError
        It is absolute or leaves the folder that the archive is unpacked into.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise InputError(
            f"{source}: the archive names '{name}', outside of its own folder; nothing was taken. "
            "No official archive does that: fetch it from its publisher"
        )
    return path.as_posix()


def check_end(tar: tarfile.TarFile) -> None:
    """Read to the end, past the record of zeros that must stand where the last file ends.

    Raises
    ------
    tarfile.ReadError
        Something else stands there, or nothing: `tarfile` takes both for the end.
    """
    stream = cast("BufferedIOBase", tar.fileobj)
    stream.seek(tar.offset)
    if stream.read(BLOCK) != bytes(BLOCK):
        raise tarfile.ReadError("its end mark is missing")
    while stream.read(1 << 20):
        pass


LARGEST = 1 << 30
"""The most bytes of one file in an archive, which is read into memory; a tar in a tar is not."""


def iterate_archive(
    file: Path,
    password: str | None = None,
    wanted: Callable[[str], bool] | None = None,
    where: str = "",
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file of a tar or zip, in the archive's order.

    A tar in it counts as a folder of its name, a link as the file that it names. Only an archive
    that was read to its end was whole. The password of an encrypted zip comes from the environment
    where it is not given. Files that are not `wanted`, by their names, are passed over: a zip's are
    not even decrypted, which in Python takes a second for each MB or so. `where` is what errors
    call the archive, if not by the file's own path.

    Raises
    ------
    InputError
        The archive is damaged or cut short, is none, names something outside of its own folder, or
        holds what is neither file nor folder; its password is missing or wrong.
    """
    with readable(where or str(file)):
        for name, content in members(file, password, where):
            if wanted is None or wanted(name):
                yield name, whole(content, where or str(file), name)


def whole(content: BufferedIOBase, where: str, name: str) -> bytes:
    """Return the content of a file, as long as memory holds it: a kilobyte can unpack to gigabytes.

    Raises
    ------
    InputError
        It is larger than any image or table of a dataset.
    """
    data = content.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise InputError(too_large(where, name))
    return data


def too_large(where: str, name: str) -> str:
    """Say that a file in an archive is larger than any that belongs there."""
    return (
        f"{where}: '{name}' unpacks to more than {LARGEST:,} bytes, larger than any image or table "
        "of a dataset; nothing was taken. Fetch the archive from its publisher"
    )


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Explain an archive that cannot be read.

    Raises
    ------
    InputError
        The archive is missing, damaged, cut short or none.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such archive; fetch it again") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise InputError(broken(where, error)) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise InputError(broken(where, error)) from error  # what gzip and bzip2 say


def broken(where: str, error: Exception) -> str:
    """Say that an archive is none, or not whole."""
    return (
        f"{where}: no tar or zip, damaged, cut short or, if encrypted, opened with a wrong "
        f"password ({str(error).partition(chr(10))[0]}); get a whole copy, and where params.yaml "
        "has its `sha256`, correct that too"
    )
