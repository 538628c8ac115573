"""Single bits that flip in files, the same ones for the same seed, and a lock file as DVC's."""

import random
from collections.abc import Iterator
from pathlib import Path

import yaml

from runner.inputs import LOCK, content_md5, files_below


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
    """Return a file, or every file with at least one byte below a folder, in order."""
    return [file for file in files_below(folder) if file.stat().st_size]


def record(**stages: tuple[list[str], list[str]]) -> None:
    """Write a dvc.lock of stages with these dependencies and outputs, as they are now."""

    def listed(paths: list[str]) -> list[dict[str, str]]:
        return [{"path": p, "hash": "md5", "md5": content_md5(Path(p))} for p in paths]

    tree = {
        name: {"cmd": "true", "deps": listed(deps), "outs": listed(outs)}
        for name, (deps, outs) in stages.items()
    }
    LOCK.write_text(yaml.safe_dump({"schema": "2.0", "stages": tree}, sort_keys=False))
