"""Files: the order of their names, and digests of their content."""

import hashlib
import re
from pathlib import Path

from interpreting_clip.errors import InputError


def natural_order(path: str) -> list[str | int]:
    """Return a key that sorts paths with the numbers in them as numbers: 2.tar before 10.tar."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path)]


def file_digest(file: Path) -> str:
    """Return a file's SHA-256, read a block at a time."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_digest(file: Path, sha256: str, advice: str) -> None:
    """Refuse a file with another SHA-256; `advice` ends the message."""
    if (digest := file_digest(file)) != sha256:
        raise InputError(f"{file}: expected the SHA-256 {sha256}, got {digest}; {advice}")
