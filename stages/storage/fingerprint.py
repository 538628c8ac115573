"""Fingerprints: twelve hexadecimal digits for the code and the packages that a stage computes with.

Stage `code` writes them to `code.json`, where dvc.yaml names each stage's own as a parameter. A
stage whose branches import different modules has a fingerprint for each branch, so that an edit of
one leaves the others' results as they are.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from stages.storage.code import code_digest, import_closure, imported_packages
from stages.storage.errors import InputError
from stages.storage.packages import computing_packages, different_versions, locked_versions
from stages.storage.results import read_json

FINGERPRINTS = Path("code.json")

DIGITS = 12

DRAWING, READING = "stages/datasets/world_source.py", "stages/datasets/fetching.py"
BRANCHES: Mapping[str, Mapping[str, str]] = {
    "fetch": {
        "world": DRAWING,
        "hub": READING,
        "archive": READING,
        "folder": READING,
        "none": "",
    },
    "head": {
        "zero_shot": "stages/encoders/zero_shot_head.py",
        "trained": "stages/encoders/trained_head.py",
        "random": "stages/measures/random_head.py",
    },
}
"""By stage and branch, the module that the stage imports for this branch alone."""

TABLES = {
    "stages/datasets/imagenet_classes.py": (
        "data/reference/imagenet_classes.csv",
        "data/reference/objectnet_to_imagenet.csv",
    )
}
"""Tables that count as code of the module that reads them.

As dependencies of `fetch` they would belong to drawn datasets too, which have classes of their own.
"""

UNCOUNTED = "stages/storage/fingerprint.py"
"""This module: it lets a stage run or not, and whatever it says the result is the same.

So adding a package to the lists of `packages.py` makes no result stale.
"""

COMPUTES_NOTHING = ("study",)
"""Stages whose output is always the same: no package decides it."""


def fingerprints(root: Path) -> dict[str, str]:
    """Return the fingerprint of every stage, or of each of its branches as `<stage>_<branch>`.

    Raises
    ------
    InputError
        The version of a package is not locked.
    """
    digest = cache(code_digest)
    return {name(*one): fingerprint(*one, root, digest) for one in computations(root)}


def computations(root: Path) -> Iterator[tuple[str, str]]:
    """Yield every stage but `code`, once with each of its branches; one without has the branch ''.

    Every module in the folder `stages` itself is a stage.
    """
    for stage in sorted(file.stem for file in (root / "stages").glob("[!_]*.py")):
        if stage != "code":
            yield from ((stage, branch) for branch in BRANCHES.get(stage, ("",)))


def name(stage: str, branch: str) -> str:
    """Return what code.json calls a stage, or a branch of it."""
    return f"{stage}_{branch}" if branch else stage


def fingerprint(
    stage: str, branch: str, root: Path, digest: Callable[[Path], str] = code_digest
) -> str:
    """Return the fingerprint of a stage, or of one of its branches.

    It changes with the syntax of any module that the stage can import (not with comments and
    docstrings), with the tables that these read, and with the locked version of any package that
    computes there.
    """
    return hashed(contents(stage, branch, root, digest))


def contents(
    stage: str, branch: str, root: Path, digest: Callable[[Path], str] = code_digest
) -> dict[str, dict[str, str]]:
    """Return what a fingerprint stands for: digests of code and tables, versions of packages."""
    code = code_files(stage, branch, root)
    tables = [table for module in sorted(code) for table in TABLES.get(module, ())]
    return {
        "code": {module: digest(root / module) for module in code},
        "tables": {t: hashlib.sha256((root / t).read_bytes()).hexdigest() for t in tables},
        "packages": locked_versions(packages(stage, branch, root), root),
    }


def hashed(found: Mapping[str, Mapping[str, str]]) -> str:
    """Return the digits that stand for the contents of a fingerprint."""
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def code_files(stage: str, branch: str, root: Path) -> set[str]:
    """Return the modules of ours that a stage can import in one of its branches."""
    branches = BRANCHES.get(stage, {})
    return import_closure(stage, root, {UNCOUNTED, *branches.values()} - {branches.get(branch)})


def packages(stage: str, branch: str, root: Path) -> set[str]:
    """Return the packages of others that compute in a stage."""
    if stage in COMPUTES_NOTHING:
        return set()
    return computing_packages(imported_packages(root / f for f in code_files(stage, branch, root)))


def require_fingerprint(stage: str, branch: str = "", root: Path = Path()) -> None:
    """Refuse to compute with other code or packages than the result would be kept under.

    Where code.json has no such stage, DVC did not start it, and nothing is checked. `study` is
    always allowed to run, since it is what a user runs by hand before all else.

    Raises
    ------
    InputError
        The code has changed since code.json was written, or a package is installed in another
        version than is locked.
    """
    file = root / FINGERPRINTS
    recorded = read_json(file).get(name(stage, branch)) if file.exists() else None
    if recorded is None or stage in COMPUTES_NOTHING:
        return
    found = contents(stage, branch, root)
    if (present := hashed(found)) != recorded:
        raise InputError(
            f"{file}: '{name(stage, branch)}': expected {present}, the code as it is now, got "
            f"{recorded}; run `dvc repro code` first, so that results are kept under the code that "
            "computed them"
        )
    if differing := different_versions(found["packages"]):
        first = differing[0][0]
        raise InputError(
            "; ".join(
                f"{package}: expected {locked}, got {got}" for package, locked, got in differing
            )
            + ". Results depend on the versions in constraints.txt and versions.yaml: `make "
            "install` installs the former and records the latter, or write the installed version "
            f"of {first} there yourself; `dvc repro` then runs again what depends on it"
        )
