"""Fingerprints: twelve hexadecimal digits for the code and the packages that a stage computes with.

Stage `code` writes them to `code.json`, where dvc.yaml names each stage's own as a parameter. A
stage whose branches call different functions has a fingerprint for each branch, so that an edit of
one does not make the others' results stale.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from interpreting_clip.errors import DAMAGED_JSON, InputError
from interpreting_clip.formats.files import file_digest
from runner.graph import StageEntry
from runner.source_code import Definition, Names, Sources

FINGERPRINTS = Path("code.json")

RECORDED = Path("versions.yaml")
"""The versions of torch's packages, which pip chose; constraints.txt has all other versions."""

SOURCES = {
    "world": "write_drawn_set",
    **dict.fromkeys(("hub", "archive", "folder"), "write_real_dataset"),
}
"""By the source of a dataset, the function that writes it."""

BRANCHES: Mapping[str, Mapping[str, str]] = {
    "fetch": {**SOURCES, "none": ""},
    "fetch_shift": SOURCES,
    "head": {"zero_shot": "zero_shot_head", "trained": "", "random": ""},
}
"""By stage and branch, the function that the stage calls only in this branch; "": none."""

COMPUTE_NOTHING = ("Callbacks", "Checkpoint", "progress_bar")
"""Definitions that stages name and that change no result: an edit of them trains nothing again."""

TABLES = {
    "read_imagenet_classes": (
        "data/reference/imagenet_classes.csv",
        "data/reference/objectnet_to_imagenet.csv",
    )
}
"""Tables that count as code of the function that reads them.

As dependencies of `fetch` they would also make drawn datasets stale, which have classes of their
own.
"""

FORMAT = 1
"""Raised by hand when the runner writes outputs or parses parameters in another way.

Its code counts nowhere.
"""

SHOWING = (
    *("array_concepts", "arrays", "browse", "labelled_arrays", "published", "published_page"),
    "report",
)
"""The stages that write labels, units and captions into pages and tables."""

KERNELS = "interpreting_clip.kernels.use_kernels"
"""What the runner calls before each stage that computes: it chooses the libraries' kernels."""

COMPUTES_NOTHING = ("code", "study")
"""Stages that run with any code and packages: users start them by hand to repair a study."""

COMPUTING = {
    "PIL": "pillow",
    "altair": "altair",
    "jinja2": "jinja2",
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
    "pandas": ("numpy",),
    "open-clip-torch": ("ftfy", "regex", "timm", "torch", "torchvision"),
    "scikit-learn": ("numpy", "scipy"),
    "scipy": ("numpy",),
    "timm": ("torch", "torchvision"),
    "torchvision": ("numpy", "pillow", "torch"),
}
"""The packages that these use to compute."""

IO_PACKAGES = frozenset(
    "filelock huggingface_hub jaxtyping msgspec pyarrow requests "  # noqa: SIM905
    "safetensors threadpoolctl tqdm urllib3 yaml".split()
)
"""Modules from outside that check, fetch, read, write or show, and compute no number."""


def fingerprints(root: Path) -> dict[str, str]:
    """Return the fingerprint of every stage, or of each of its branches as `<stage>_<branch>`.

    It changes with the syntax of any definition that the stage can reach (not with comments,
    docstrings and the texts of exceptions), with the tables that these read, and with the locked
    version of any package that they use.
    """
    return {
        fingerprint_name(stage, branch): content_hash(fingerprinted(stage, branch, root))
        for stage, branch in stage_branches(root)
    }


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


def fingerprinted(stage: str, branch: str, root: Path = Path()) -> dict[str, Any]:
    """Return what is fingerprinted: digests of code and tables, and versions of packages."""
    sources = Sources(root, words=stage in SHOWING)
    reached = reached_code(stage, branch, sources)
    tables = {table for definition in reached for table in TABLES.get(definition.name, ())}
    packages = set() if stage in COMPUTES_NOTHING else computing_packages(used_packages(reached))
    return {
        "runner": {"format": str(FORMAT)},
        "code": sources.digests(reached),
        "tables": {table: file_digest(root / table) for table in sorted(tables)},
        "packages": locked_versions(packages, root),
    }


def reached_code(stage: str, branch: str, sources: Sources) -> dict[Definition, Names]:
    """Return the definitions that a stage reaches in one of its branches."""
    branches = BRANCHES.get(stage, {})
    others = {*branches.values(), *COMPUTE_NOTHING} - {branches.get(branch)}
    roots = [f"stages.{stage}.main", *[KERNELS] * (stage not in COMPUTES_NOTHING)]
    return sources.reached(roots, others)


def used_packages(reached: Mapping[Definition, Names]) -> set[str]:
    """Return the packages that definitions use and that are neither ours nor Python's."""
    meanings = [m for names in reached.values() for several in names.values() for m in several]
    used = {meaning.partition(".")[0] for meaning in meanings if isinstance(meaning, str)}
    return used - sys.stdlib_module_names


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the fingerprint of what `fingerprinted` returns."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def computing_packages(modules: Iterable[str]) -> set[str]:
    """Return the packages that compute among `modules`, and the packages these compute with."""
    if unknown := sorted(set(modules) - COMPUTING.keys() - IO_PACKAGES):
        raise InputError(
            f"{', '.join(unknown)}: expected an entry in COMPUTING or IO_PACKAGES of "
            f"runner/fingerprint.py, got none; say whether a result can change with its version"
        )
    todo, packages = [COMPUTING[name] for name in modules if name in COMPUTING], set()
    while todo:
        packages.add(package := todo.pop())
        todo.extend(set(TRANSITIVE_DEPENDENCIES.get(package, ())) - packages)
    return packages


def locked_versions(packages: Iterable[str], root: Path = Path()) -> dict[str, str]:
    """Return each package's version by name, from constraints.txt or else from versions.yaml."""
    locked = root / "constraints.txt"
    versions = named_versions(locked) | named_versions(root / RECORDED)
    if missing := sorted(set(packages) - versions.keys()):
        raise InputError(
            f"{locked}: expected a line {missing[0]}==<version>, got none; `make lock` writes it"
        )
    return {name: versions[name] for name in sorted(packages)}


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
