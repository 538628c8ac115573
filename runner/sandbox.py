"""Locks a stage's process, so that it reads and writes what dvc.yaml lists and nothing else.

Linux does this from 5.13 on, with Landlock: <https://docs.kernel.org/userspace-api/landlock.html>.
The lock also holds for libraries in other languages, for threads and for child processes. Elsewhere
an audit hook refuses what Python itself opens; docs/recompute.md says what it misses.
"""

import ctypes
import errno
import os
import site
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""The numbers of Landlock's system calls, the same on every processor."""

PR_SET_NO_NEW_PRIVS = 38
"""prctl(2): no program may gain privileges, without which a process may not lock itself."""

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << n for n in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK = (1 << n for n in range(6, 12))
MAKE_SYM, REFER, TRUNCATE = (1 << n for n in range(12, 15))
BIND_TCP, CONNECT_TCP = 1, 2

READ = EXECUTE | READ_FILE | READ_DIR
MOVE = REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER
"""What moving a finished output into its place takes."""

WRITE = READ | MOVE | WRITE_FILE | TRUNCATE | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
"""The rights that a file can have; the others are those of folders."""

SYSTEM = ("/bin", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/opt", "/proc", "/run")
SYSTEM += ("/sbin", "/snap", "/sys", "/usr", "/var/lib")
"""Folders that hold programs, libraries and settings of the system, and no results of a study."""

LIBRARIES = (
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "CUDA_HOME",
    "FONTCONFIG_PATH",
    "SSL_CERT_DIR",
)
"""Variables that name further folders of this kind, as on clusters with environment modules."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def lock(
    readable: Iterable[Path],
    writable: Iterable[Path],
    movable: Iterable[Path],
    listable: Iterable[Path] = (),
    *,
    network: bool,
) -> bool:
    """Lock this process; return whether Landlock did it, or else a hook in Python does.

    Parameters
    ----------
    readable : files and folders to read, besides the system's and the environment's
    writable : files and folders to write, besides devices
    movable : folders in which finished outputs are moved into place; what lies there already can
        be replaced, but not read or changed
    listable : folders whose names of files can be read, besides the working folder; Python looks
        for modules in such lists
    network : whether TCP connections are allowed
    """
    kept = [*environment(), *readable]
    written = [Path("/dev"), *writable]
    rights = [(path, READ) for path in kept]
    rights += [(path, WRITE) for path in written] + [(path, MOVE) for path in movable]
    rights += [(path, READ_DIR) for path in (Path(), *listable)]
    if restrict(rights, network=network):
        return True
    watch([path.resolve() for path in (*kept, *written)])
    return False


def environment() -> list[Path]:
    """Return the folders of the system, of Python and of its packages."""
    named = [part for name in LIBRARIES for part in os.environ.get(name, "").split(os.pathsep)]
    python = [sys.prefix, sys.base_prefix, sys.exec_prefix, site.getusersitepackages()]
    packages = [path for path in sys.path if path]
    folders = sorted({*SYSTEM, *filter(None, named), *python, *packages})
    return [path for folder in folders for path in around(Path(folder), Path().resolve())]


def around(folder: Path, own: Path) -> list[Path]:
    """Return a folder, or if it contains the folder `own`, all else that it contains."""
    if not folder.exists():
        return []
    if not own.is_relative_to(folder.resolve()):
        return [folder]
    inside = folder.resolve().iterdir() if folder.resolve() != own else ()
    return [path for child in inside for path in around(child, own)]


def restrict(rights: Iterable[tuple[Path, int]], *, network: bool) -> bool:
    """Give this process and its children no other rights to files; False without Landlock."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    handled = WRITE | MAKE_CHAR | MAKE_BLOCK
    handled &= ~0 if version >= 3 else ~TRUNCATE
    handled &= ~0 if version >= 2 else ~REFER
    tcp = BIND_TCP | CONNECT_TCP if version >= 4 and not network else 0
    rules = _Ruleset(handled, tcp)
    size = ctypes.sizeof(rules) if version >= 4 else ctypes.sizeof(ctypes.c_uint64)
    ruleset = _checked(libc.syscall(CREATE_RULESET, ctypes.byref(rules), size, 0))
    for path, given in rights:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        allowed = given & handled & (~0 if path.is_dir() else OF_FILES)
        rule = _PathRule(allowed, folder)
        _checked(libc.syscall(ADD_RULE, ruleset, 1, ctypes.byref(rule), 0))
        os.close(folder)
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)
    return True


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result


def watch(allowed: Iterable[Path]) -> None:
    """Refuse what Python opens in the working folder, unless it is in one of these folders."""
    roots, own = [str(path) for path in allowed], str(Path().resolve())
    sys.addaudithook(_refusing(roots, own))


def _refusing(roots: list[str], own: str) -> Callable[[str, tuple], None]:
    def refuse(event: str, arguments: tuple) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100  # follows no links
        if path.startswith(f"{own}/") and not any(
            path == root or path.startswith(f"{root}/") for root in roots
        ):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    return refuse
