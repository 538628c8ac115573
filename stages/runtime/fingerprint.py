"""Fingerprints: twelve hexadecimal digits for the code and the packages that a stage computes with.

Stage `code` writes them to `code.json`, where dvc.yaml names each stage's own as a parameter. A
stage whose branches import different modules has a fingerprint for each branch, so that an edit of
one leaves the others' results as they are.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stages.runtime.errors import InputError
from stages.runtime.packages import computing_packages, different_versions, locked_versions


def import_closure(stage: str, root: Path, without: Container[str] = ()) -> set[str]:
    """Return every file of ours that `python -m stages.<stage>` can load, relative to `root`.

    Imports are followed at any depth of the code, inside functions too, but for those of the files
    `without`, which a branch that is not taken imports.

    Raises
    ------
    ValueError
        A file imports relatively: leaf modules are imported by absolute path.
    """
    todo, seen = [root / "stages" / f"{stage}.py"], set()
    while todo:
        file = todo.pop()
        if file not in seen and file.relative_to(root).as_posix() not in without:
            seen.add(file)
            todo.extend(imported_files(file, root))
    return {file.relative_to(root).as_posix() for file in seen}


@cache
def imported_files(file: Path, root: Path) -> frozenset[Path]:
    """Return the files of ours that `file` imports itself."""
    return frozenset(f for name in imported_names(file) if (f := module_file(name, root)))


def imported_packages(files: Iterable[Path]) -> set[str]:
    """Return the packages that `files` import themselves and that are neither ours nor Python's."""
    names = {name.partition(".")[0] for file in files for name in imported_names(file)}
    return names - {"stages"} - sys.stdlib_module_names


@cache
def imported_names(file: Path) -> frozenset[str]:
    """Return all that `file` imports: modules, and with a dot what it takes from them.

    `importlib.import_module` counts where the name stands there, as it does everywhere here.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{file}: relative import; import leaf modules by absolute path")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
            names.add(literal(node.args[0], file))
    return frozenset(names)


def literal(node: ast.expr, file: Path) -> str:
    """Return the name in a call of `importlib.import_module`."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise ValueError(f"{file}:{node.lineno}: import by computed name; write the name out")
    return node.value


def module_file(name: str, root: Path) -> Path | None:
    """Return the file of one of our modules, or None for a package or somebody else's module."""
    file = root / Path(*name.split(".")).with_suffix(".py")
    return file if name.startswith("stages.") and file.is_file() else None


def code_digest(file: Path) -> str:
    """Return the SHA-256 of a file's code without comments, layout and docstrings.

    Docstrings are all strings that stand alone, those below a constant too. None of these changes
    what is computed, so rewording one makes no training stale. Every Python from 3.11 on gives the
    same digest.
    """
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not is_docstring(line)]  # pyright: ignore
        elif isinstance(node, ast.JoinedStr):  # early 3.12 ends the format of a value with ""
            node.values = [v for v in node.values if getattr(v, "value", None) != ""]
    return hashlib.sha256(syntax(tree).encode()).hexdigest()


def syntax(node: Any) -> str:
    """Return a syntax tree as text.

    Empty fields are left out: later versions of Python give nodes more of them (3.12 the parameters
    of a function's type), and `ast.dump` writes them or does not (3.13).
    """
    if isinstance(node, list):
        return f"[{', '.join(map(syntax, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({', '.join(f'{n}={syntax(v)}' for n, v in fields)})"


def is_docstring(line: ast.AST) -> bool:
    """Say whether a statement is a string and nothing else."""
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


FINGERPRINTS = Path("code.json")

DIGITS = 12

DRAWING, READING = "stages/synthetic/drawn_sets.py", "stages/datasets/sources.py"
BRANCHES: Mapping[str, Mapping[str, str]] = {
    "fetch": {
        "world": DRAWING,
        "hub": READING,
        "archive": READING,
        "folder": READING,
        "none": "",
    },
    "head": {
        "zero_shot": "stages/encoders/heads.py",
        "trained": "stages/encoders/trained_head.py",
        "random": "",
    },
}
"""By stage and branch, the module that the stage imports for this branch alone; "": none."""

TABLES = {
    "stages/datasets/imagenet.py": (
        "data/reference/imagenet_classes.csv",
        "data/reference/objectnet_to_imagenet.csv",
    )
}
"""Tables that count as code of the module that reads them.

As dependencies of `fetch` they would belong to drawn datasets too, which have classes of their own.
"""

UNCOUNTED = "stages/runtime/fingerprint.py"
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


def recorded_fingerprints(file: Path) -> dict[str, str]:
    """Return the fingerprints in code.json; none where there is no such file.

    Raises
    ------
    InputError
        The file is not JSON.
    """
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{file}: not legal JSON ({error}); run `dvc repro code`") from None


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
    recorded = recorded_fingerprints(file).get(name(stage, branch))
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
