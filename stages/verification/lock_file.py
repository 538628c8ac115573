"""The lock file of a repository: which stage made which output, by DVC's hash."""

from dataclasses import dataclass
from pathlib import Path

from stages.storage.errors import InputError
from stages.storage.params import load_tree

LOCK = "dvc.lock"


@dataclass(frozen=True)
class Output:
    """An output of a stage: its path in the repository, and DVC's MD5 (of a folder, `*.dir`)."""

    stage: str
    path: str
    md5: str


def locked_outputs(root: Path) -> list[Output]:
    """Return the outputs in a repository's lock file; none where nothing has been run.

    Raises
    ------
    InputError
        The file is damaged: a process that ends while DVC writes it leaves a part of it.
    """
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    file = root / LOCK
    if not file.exists():
        return []
    tree = load_tree(file)
    try:
        COMPILED_LOCKFILE_SCHEMA(tree)
    except Invalid as error:
        raise InputError(f"{file}: no lock file of DVC's ({error})") from None
    return [
        Output(stage, out["path"], out.get("md5", ""))
        for stage, entry in (tree.get("stages") or {}).items()
        for out in entry.get("outs", ())
    ]
