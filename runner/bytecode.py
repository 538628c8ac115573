"""Python runs the code that was fingerprinted: no stale bytecode, no other module in its place."""

import importlib.util
import marshal
import py_compile
import sys
from collections.abc import Container, Iterable
from contextlib import suppress
from importlib.machinery import PathFinder, all_suffixes
from pathlib import Path

from interpreting_clip.errors import InputError

CHECKED = importlib.util.MAGIC_NUMBER + (0b11).to_bytes(4, "little")
"""The first bytes of bytecode that Python compares with its source's hash at every import."""

UNCHECKED = importlib.util.MAGIC_NUMBER + (0b01).to_bytes(4, "little")
"""The first bytes of bytecode that Python accepts without looking at its source."""


def require_source(files: Iterable[Path]) -> None:
    """Refuse modules that Python would not run, or did not run, from the source that is there.

    By default Python accepts bytecode if the source has the recorded time and size, whatever the
    source contains. Bytecode that passes this check is written again with a hash of its source,
    which Python compares from then on. Stale bytecode is deleted.

    Raises
    ------
    InputError
        Bytecode belongs to another source, or something else is imported under a module's name.
    """
    for file in files:
        if (found := import_origin(file)) != file.absolute():
            raise InputError(f"{file}: {found} is imported in its place; move it away")
        cached = Path(importlib.util.cache_from_source(str(file)))
        try:
            content = cached.read_bytes()
        except OSError:
            continue
        if content[:8] == CHECKED or not is_taken(content, file):
            continue
        if not is_compiled_from(content[16:], file):
            cached.unlink()
            raise InputError(
                f"{cached}: stale bytecode, compiled from another {file}, which Python would run; "
                "it was deleted: run again"
            )
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                mode = py_compile.PycInvalidationMode.CHECKED_HASH
                py_compile.compile(str(file), doraise=True, invalidation_mode=mode)


def require_unshadowed(names: Container[str], root: Path) -> None:
    """Refuse files of `root`, which Python searches first, that have the name of a package.

    Raises
    ------
    InputError
        Names the file or folder.
    """
    for path in sorted(root.iterdir()):
        importable = path.suffix in all_suffixes() or (path / "__init__.py").exists()
        if importable and (name := path.name.partition(".")[0]) in names:
            raise InputError(
                f"{path}: would be imported in place of the package {name}; move it away"
            )


def import_origin(file: Path) -> Path | None:
    """Return the file that is imported under a module's name from the module's folder."""
    spec = PathFinder.find_spec(file.stem, [str(file.parent)])
    return Path(spec.origin) if spec and spec.origin else None


def is_taken(content: bytes, file: Path) -> bool:
    """Say whether Python would accept bytecode for a source: by time and size, or unchecked."""
    seen = file.stat()
    stamp = (int(seen.st_mtime) & 0xFFFFFFFF, seen.st_size & 0xFFFFFFFF)
    by_time = CHECKED[:4] + b"".join(n.to_bytes(4, "little") for n in (0, *stamp))
    return content[:16] == by_time or content[:8] == UNCHECKED


def is_compiled_from(code: bytes, file: Path) -> bool:
    """Say whether a file's source compiles to the given bytecode, apart from its header."""
    try:
        kept = marshal.loads(code)  # noqa: S302  # Python itself does so at every import
        return kept == compile(file.read_bytes(), file, "exec", dont_inherit=True)
    except (ValueError, EOFError, TypeError):
        return False
