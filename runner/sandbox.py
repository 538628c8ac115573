"""Locks a stage's process, so that it opens the files that dvc.yaml lists and no others.

Linux does this with Landlock: <https://docs.kernel.org/userspace-api/landlock.html>. The lock also
holds for libraries in other languages, for threads and for child processes. Elsewhere nothing is
locked, and one line says so.
"""

import ctypes
import os
import site
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from runner.process import note_once

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""The numbers of Landlock's system calls, the same on every processor."""

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << n for n in range(4))
TRUNCATE = 1 << 14

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = (1 << 15) - 1
"""All rights to files in Landlock's third version."""

OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
"""The rights that a file can have; all other rights are for folders."""

SYSTEM = "/bin /etc /lib /lib32 /lib64 /libx32 /nix /opt /proc /run /sbin /snap /sys /usr /var/lib"
"""Folders that hold programs, libraries and settings of the system, and no results of a study."""

LIBRARIES = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH")
LIBRARIES += ("CUDA_HOME", "FONTCONFIG_PATH", "SSL_CERT_DIR")
"""Variables that name further folders of this kind, as on clusters with environment modules."""


def lock(readable: Iterable[Path], writable: Iterable[Path], listable: Iterable[Path] = ()) -> None:
    """Lock this process, or say once per study that this system cannot.

    Parameters
    ----------
    readable : files and folders to read, besides the system's and the environment's
    writable : files and folders to write, besides devices
    listable : folders whose names of files can be read, besides the working folder; Python looks
        for modules in such lists
    """
    rights = [(path, READ) for path in (*environment(), *readable)]
    rights += [(path, WRITE) for path in (Path("/dev"), *writable)]
    rights += [(path, READ_DIR) for path in (Path(), *listable)]
    if not restrict(rights):
        note_once(
            "unlocked",
            "this system cannot lock stages (Landlock, Linux 5.19 or newer), so a stage that reads "
            "a file which dvc.yaml does not list goes unnoticed; docs/guarantees.md",
        )


def environment() -> list[Path]:
    """Return the folders of the system, of Python and of its packages."""
    named = [part for name in LIBRARIES for part in os.environ.get(name, "").split(os.pathsep)]
    python = [sys.prefix, sys.base_prefix, sys.exec_prefix, site.getusersitepackages()]
    packages = [path for path in sys.path if path]
    folders = sorted({*SYSTEM.split(), *filter(None, named), *python, *packages})
    return [
        path for folder in folders for path in exclude_repository(Path(folder), Path().resolve())
    ]


def exclude_repository(folder: Path, own: Path) -> list[Path]:
    """Return a folder, or if it contains the folder `own`, all else that it contains."""
    if not folder.exists():
        return []
    if not own.is_relative_to(folder.resolve()):
        return [folder]
    inside = folder.resolve().iterdir() if folder.resolve() != own else ()
    return [path for child in inside for path in exclude_repository(child, own)]


def restrict(rights: Iterable[tuple[Path, int]]) -> bool:
    """Give this process and its children no other rights to files; False without Landlock."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 2:  # the first refuses every move of a file into another folder
        return False
    handled = WRITE if version >= 3 else WRITE & ~TRUNCATE
    ruleset = _checked(libc.syscall(CREATE_RULESET, struct.pack("Q", handled), 8, 0))
    for path, given in rights:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        allowed = given & handled & (~0 if path.is_dir() else OF_FILES)
        _checked(libc.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", allowed, opened), 0))
        os.close(opened)
    # PR_SET_NO_NEW_PRIVS: a process may lock itself only if no program of it gains privileges.
    _checked(libc.prctl(38, 1, 0, 0, 0))
    _checked(libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)
    return True


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
