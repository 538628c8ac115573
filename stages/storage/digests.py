"""Digests of what is on disk."""

import hashlib
from pathlib import Path


def folder_digests(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder, by its path in it."""
    return {
        file.relative_to(directory).as_posix(): file_digest(file)
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    }


def file_digest(file: Path) -> str:
    """Return a file's SHA-256, read a block at a time."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
