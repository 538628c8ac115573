"""The lock files of a repository: which stage made which output, by DVC's hash."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.storage.errors import InputError
from stages.storage.params import load_tree

LOCKS = ("dvc.lock", "stages/dvc.lock")


@dataclass(frozen=True)
class Output:
    """An output of a stage: its path in the repository, and DVC's MD5 (of a folder, `*.dir`)."""

    stage: str
    path: str
    md5: str


def outputs_of(file: Path, root: Path) -> list[Output]:
    """Return the outputs in one lock file; none where nothing has been run.

    Raises
    ------
    InputError
        The file is damaged: a process that ends while DVC writes it leaves a part of it.
    """
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    if not file.exists():
        return []
    tree = load_tree(file)
    try:
        COMPILED_LOCKFILE_SCHEMA(tree)
    except Invalid as error:
        raise InputError(f"{file}: no lock file of DVC's ({error})") from None
    folder = file.parent.relative_to(root)
    return listed(tree, "" if folder == Path() else f"{folder}/dvc.yaml:")


def listed(tree: Mapping[str, Any], prefix: str = "") -> list[Output]:
    """Return the outputs in the content of a lock file; `prefix` leads to its stages."""
    return [
        Output(f"{prefix}{stage}", out["path"], out.get("md5", ""))
        for stage, entry in (tree.get("stages") or {}).items()
        for out in entry.get("outs", ())
    ]
