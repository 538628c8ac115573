"""Single bits that flip in files, the same ones for the same seed, and a lock file as DVC's."""

import random
from collections.abc import Iterator
from pathlib import Path

import yaml

from runner.recorded import LOCK, file_md5, folder_md5


def flipped(file: Path, rng: random.Random, times: int) -> Iterator[str]:
    """Flip one bit of a file, say which, and mend it before the next; the file may be read-only."""
    content = file.read_bytes()
    file.unlink()  # as a link, it might be DVC's own copy
    for _ in range(times):
        at, bit = rng.randrange(len(content)), rng.randrange(8)
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        yield f"bit {bit} of byte {at} of {file}"
        file.write_bytes(content)


def files_of(folder: Path) -> list[Path]:
    """Return every file with at least one byte below a folder, in order."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and file.stat().st_size]


def record(*folders: Path) -> None:
    """Write a dvc.lock in which each folder, as it is now, is the output of a stage."""
    stages = {}
    for number, folder in enumerate(folders):
        files = [file for file in folder.rglob("*") if file.is_file()]
        md5s = {file.relative_to(folder).as_posix(): file_md5(file) for file in files}
        out = {"path": folder.as_posix(), "hash": "md5", "md5": folder_md5(md5s), "size": 1}
        stages[f"made@{number}"] = {"cmd": "true", "outs": [out]}
    LOCK.write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False))
