"""Archives read file by file, without unpacking them onto a disk."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from stages.storage.errors import InputError
from stages.transfer.members import members

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
