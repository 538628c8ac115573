"""Fingerprints: twelve hexadecimal digits for the code and the packages that a stage computes with.

Stage `code` writes them to `code.json`, where dvc.yaml names each stage's own as a parameter. A
stage whose branches import different modules has a fingerprint for each branch, so that an edit of
one does not make the others' results stale.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import msgspec

from interpreting_clip.errors import DAMAGED_JSON, InputError
from runner.graph import StageEntry
from runner.source_code import code_digest, import_closure, imported_packages

FINGERPRINTS = Path("code.json")

RECORDED = Path("versions.yaml")
"""The versions of torch's packages, which pip chose; constraints.txt has those of all others."""

SOURCES_MODULE = "interpreting_clip/datasets/sources.py"
BRANCHES: Mapping[str, Mapping[str, str]] = {
    "fetch": {
        "world": "interpreting_clip/synthetic/drawn_sets.py",
        **dict.fromkeys(("hub", "archive", "folder"), SOURCES_MODULE),
        "none": "",
    },
    "head": {"zero_shot": "interpreting_clip/encoders/heads.py", "trained": "", "random": ""},
}
"""By stage and branch, the module that the stage imports only for this branch; "": none."""

TABLES = {
    "interpreting_clip/datasets/imagenet.py": (
        "data/reference/imagenet_classes.csv",
        "data/reference/objectnet_to_imagenet.csv",
    )
}
"""Tables that count as code of the module that reads them.

As dependencies of `fetch` they would also make drawn datasets stale, which have classes of their
own.
"""

FORMAT = 1
"""Raised by hand when the runner writes outputs or parses parameters in another way.

Its code counts nowhere.
"""

EXCLUDED_FROM_FINGERPRINT = (
    "interpreting_clip/__init__.py",
    *("interpreting_clip/config/params.py", "interpreting_clip/config/syntax.py"),
    *("interpreting_clip/errors.py", "interpreting_clip/readable.py", "interpreting_clip/urls.py"),
)
"""Modules that compute nothing, though every stage loads them.

The first only names the library's functions, and imports none in a stage. The others parse
parameters, word errors and show results.
"""

COMPUTES_NOTHING = ("code", "study")
"""Stages that run with any code and packages: users start them by hand to repair a study."""

COMPUTING = {
    "PIL": "pillow",
    "altair": "altair",
    "jinja2": "jinja2",
    "numba": "numba",
    "numpy": "numpy",
    "open_clip": "open-clip-torch",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
    "vl_convert": "vl-convert-python",
}
"""By module name, the packages that compute or draw what a stage writes, or make its tokens."""

TRANSITIVE_DEPENDENCIES = {
    "jinja2": ("markupsafe",),
    "numba": ("llvmlite", "numpy"),
    "pandas": ("numpy",),
    "open-clip-torch": ("ftfy", "regex", "timm", "torch", "torchvision"),
    "scikit-learn": ("numpy", "scipy"),
    "scipy": ("numpy",),
    "timm": ("torch", "torchvision"),
    "torchvision": ("numpy", "pillow", "torch"),
}
"""The packages that these use to compute."""

IO_PACKAGES = frozenset(
    {
        *("filelock", "huggingface_hub", "jaxtyping", "msgspec", "requests", "urllib3"),
        *("pyarrow", "safetensors", "threadpoolctl", "tqdm"),
    }
)
"""Modules from outside that check, fetch, read, write or show, and compute no number."""


def fingerprints(root: Path) -> dict[str, str]:
    """Return the fingerprint of every stage, or of each of its branches as `<stage>_<branch>`."""
    return {fingerprint_name(*one): fingerprint(*one, root) for one in stage_branches(root)}


def stage_branches(root: Path) -> Iterator[tuple[str, str]]:
    """Yield every stage but `code` with each of its branches, or with '' if it has none.

    Every module in the folder `stages` itself is a stage.
    """
    for stage in sorted(file.stem for file in (root / "stages").glob("[!_]*.py")):
        if stage != "code":
            yield from ((stage, branch) for branch in BRANCHES.get(stage, ("",)))


def fingerprint_name(stage: str, branch: str) -> str:
    """Return the key of a stage, or of one of its branches, in code.json."""
    return f"{stage}_{branch}" if branch else stage


def branch_name(entry: StageEntry) -> str:
    """Return the branch that a stage's entry runs, or '' if the stage has none."""
    return entry.fingerprint.removeprefix(entry.stage).removeprefix("_")


def fingerprint(stage: str, branch: str, root: Path) -> str:
    """Return the fingerprint of a stage, or of one of its branches.

    It changes with the syntax of any module that the stage can import (not with comments,
    docstrings and the texts of exceptions), with the tables that these read, and with the locked
    version of any package that the stage computes with.
    """
    return content_hash(fingerprinted(stage, branch, root))


def fingerprinted(stage: str, branch: str, root: Path) -> dict[str, dict[str, str]]:
    """Return what is fingerprinted: digests of code and tables, and versions of packages."""
    code = branch_modules(stage, branch, root)
    tables = [table for module in sorted(code) for table in TABLES.get(module, ())]
    imported = imported_packages(root / module for module in code)
    packages = set() if stage in COMPUTES_NOTHING else computing_packages(imported)
    return {
        "runner": {"format": str(FORMAT)},
        "code": {module: code_digest((root / module).read_bytes()) for module in code},
        "tables": {t: hashlib.sha256((root / t).read_bytes()).hexdigest() for t in tables},
        "packages": locked_versions(packages, root),
    }


def readable_tables(entry: StageEntry) -> list[str]:
    """Return the tables that a stage may read although dvc.yaml does not list them."""
    code = branch_modules(entry.stage, branch_name(entry), Path())
    return [table for module in code for table in TABLES.get(module, ())]


def content_hash(found: Mapping[str, Mapping[str, str]]) -> str:
    """Return the fingerprint of what `fingerprinted` returns."""
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def branch_modules(stage: str, branch: str, root: Path) -> set[str]:
    """Return the modules of ours that can change what a stage computes in one of its branches."""
    branches = BRANCHES.get(stage, {})
    others = {*EXCLUDED_FROM_FINGERPRINT, *branches.values()} - {branches.get(branch)}
    modules = import_closure(stage, root, others)
    # The runner chooses the kernels of every stage before the stage is imported.
    return modules if stage in COMPUTES_NOTHING else modules | {"interpreting_clip/kernels.py"}


def computing_packages(modules: Iterable[str]) -> set[str]:
    """Return the packages that `modules` compute with, directly or through other packages."""
    if unknown := sorted(set(modules) - COMPUTING.keys() - IO_PACKAGES):
        raise InputError(
            f"{', '.join(unknown)}: expected an entry in COMPUTING or IO_PACKAGES of "
            f"runner/fingerprint.py, got none; say whether a result can change with its version"
        )
    todo, found = [COMPUTING[name] for name in modules if name in COMPUTING], set()
    while todo:
        found.add(package := todo.pop())
        todo.extend(set(TRANSITIVE_DEPENDENCIES.get(package, ())) - found)
    return found


def locked_versions(packages: Iterable[str], root: Path = Path()) -> dict[str, str]:
    """Return each package's version by name, from constraints.txt or else from versions.yaml."""
    locked = root / "constraints.txt"
    found = named_versions(locked) | named_versions(root / RECORDED)
    if missing := sorted(set(packages) - found.keys()):
        raise InputError(
            f"{locked}: expected a line {missing[0]}==<version>, got none; `make lock` writes it"
        )
    return {name: found[name] for name in sorted(packages)}


def named_versions(file: Path) -> dict[str, str]:
    """Return the versions that a file names, in lines `name==version` or `name: version`.

    Names are normalised, and versions lose their local part: 2.13.0+cpu and 2.13.0+cu126 are builds
    of one version.
    """
    lines = re.findall(r"^([\w.-]+)(?:==|: )([^\s;#+]+)", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in lines}


def recorded_fingerprints(file: Path) -> dict[str, str]:
    """Return the fingerprints in code.json, or none if there is no such file."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except DAMAGED_JSON as error:
        raise InputError(f"{file}: not legal JSON ({error}); run `dvc repro code`") from None


def recorded_fingerprint(entry: StageEntry, root: Path = Path()) -> str:
    """Return a stage's fingerprint in code.json, or nothing if there is none."""
    file = root / FINGERPRINTS
    return recorded_fingerprints(file).get(entry.fingerprint, "") if entry.fingerprint else ""


def require_fingerprint(entry: StageEntry, root: Path = Path()) -> None:
    """Refuse to compute with other code or packages than the result would be filed under.

    If code.json does not have the stage, DVC did not start it, and nothing is checked.
    """
    if entry.stage in COMPUTES_NOTHING:
        return
    name, file, recorded = entry.fingerprint, root / FINGERPRINTS, recorded_fingerprint(entry, root)
    if not recorded:
        return
    found = fingerprinted(entry.stage, branch_name(entry), root)
    if (present := content_hash(found)) != recorded:
        raise InputError(
            f"{file}: '{name}': expected {present}, the current code's, got {recorded}; run `dvc "
            "repro code` first, so that results are filed under the code that computed them"
        )
    for package, locked in found["packages"].items():
        if (installed := installed_version(package)) != locked:
            raise InputError(
                f"{package}: expected {locked}, got {installed}. Results depend on the "
                "versions in constraints.txt and versions.yaml: `make install` installs the former "
                "and records the latter, or write the installed version there yourself; `dvc "
                "repro` then recomputes what depends on it"
            )


def installed_version(package: str) -> str:
    """Return a package's version without its local part, which names a build (2.13.0+cu126)."""
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "none"
