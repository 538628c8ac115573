"""`dvc repro` that writes the lock file once, at the end: to prepare repositories, not to time.

DVC reads and writes the whole lock file after each stage. For hundreds of stages that takes minutes
and gives the same file.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dvc.dvcfile
from dvc.cli import main as run_dvc
from dvc.utils.serialize import dump_yaml, load_yaml

LOCKS: dict[str, Any] = {}


@contextmanager
def modify_in_memory(path: str, fs: Any = None) -> Iterator[Any]:
    """Replace DVC's `modify_yaml`: read the file once and do not write it."""
    if path not in LOCKS:
        LOCKS[path] = load_yaml(path, fs=fs) if Path(path).exists() else {}
    yield LOCKS[path]


def main() -> None:
    """Run `dvc repro` in the current folder."""
    dvc.dvcfile.modify_yaml = modify_in_memory  # pyright: ignore
    code = run_dvc(["repro", "--quiet"])
    for path, lock in LOCKS.items():
        dump_yaml(path, lock)
    sys.exit(code)


if __name__ == "__main__":
    main()
