"""Archives unpacked into a folder, or read file by file without unpacking."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.storage.complete import complete_directory
from stages.storage.errors import InputError
from stages.transfer.members import members


def extract_archive(file: Path, directory: Path, password: str | None = None) -> None:
    """Unpack a tar or zip into `directory`, whole or not at all.

    A tar in it is unpacked into a folder of its name; a link becomes a copy; nothing is written
    outside. The password of an encrypted zip comes from the environment where it is not given.

    Raises
    ------
    InputError
        The archive is damaged or cut short, is none, leaves its folder, holds what is neither file
        nor folder or two files of one name; its password is missing or wrong; the disk is full.
    """
    with complete_directory(directory) as partial, readable(str(file)):
        for name, content in members(file, password):
            target = partial / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                stream = target.open("xb")
            except (FileExistsError, NotADirectoryError) as error:
                raise InputError(f"{file}: holds two files at '{name}'; fetch it again") from error
            with stream:
                shutil.copyfileobj(content, stream, 1 << 20)


def iterate_archive(
    file: Path,
    password: str | None = None,
    wanted: Callable[[str], bool] | None = None,
    where: str = "",
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file of a tar or zip, in the archive's order.

    As `extract_archive`, without the disk. Only one that was read to its end was whole. Files that
    are not `wanted`, by their names, are passed over: a zip's are not even decrypted, which in
    Python takes a second for each MB or so. `where` is what errors call the archive, if not by the
    file's own path.

    Raises
    ------
    InputError
        As `extract_archive`, but for two files of one name, which come one after the other.
    """
    with readable(where or str(file)):
        for name, content in members(file, password, where):
            if wanted is None or wanted(name):
                yield name, content.read()


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
