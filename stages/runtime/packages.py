"""The packages of others in which numbers are computed, and the versions that are locked."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from stages.runtime.errors import InputError

LOCKED, RECORDED = Path("constraints.txt"), Path("versions.yaml")
"""What pip may choose, and what it chose of the packages that are left open, torch's."""

COMPUTING = {
    "PIL": "pillow",
    "jinja2": "jinja2",
    "numba": "numba",
    "numpy": "numpy",
    "open_clip": "open-clip-torch",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
    "vl_convert": "vl-convert-python",
}
"""By the module's name, what computes or draws what a stage writes, or the tokens for it."""

BENEATH = {
    "jinja2": ("markupsafe",),
    "numba": ("llvmlite", "numpy"),
    "open-clip-torch": ("ftfy", "regex", "timm", "torch", "torchvision"),
    "scikit-learn": ("numpy", "scipy"),
    "scipy": ("numpy",),
    "timm": ("torch", "torchvision"),
    "torchvision": ("numpy", "pillow", "torch"),
}
"""What these compute with in turn."""

CARRYING = frozenset(
    {
        *("dvclive", "filelock", "huggingface_hub", "jaxtyping", "msgspec", "pooch", "requests"),
        *("ruamel", "safetensors", "threadpoolctl", "tqdm"),
    }
)
"""The modules of others that check, fetch, read, write or show, and compute no number."""


def computing_packages(modules: Iterable[str]) -> set[str]:
    """Return the packages that compute when `modules` do, those beneath them too.

    Raises
    ------
    ValueError
        Of a module nobody has said whether it computes.
    """
    if unknown := sorted(set(modules) - COMPUTING.keys() - CARRYING):
        raise ValueError(
            f"{', '.join(unknown)}: expected an entry in COMPUTING or CARRYING of "
            "stages/runtime/packages.py, got none; say whether a result can change with its version"
        )
    todo, found = [COMPUTING[name] for name in modules if name in COMPUTING], set()
    while todo:
        found.add(package := todo.pop())
        todo.extend(set(BENEATH.get(package, ())) - found)
    return found


def locked_versions(packages: Iterable[str], folder: Path = Path()) -> dict[str, str]:
    """Return by name the version at which constraints.txt locks, or versions.yaml records, each.

    Without the local part: 2.13.0+cpu and 2.13.0+cu126 are builds of one version.

    Raises
    ------
    InputError
        A file is missing, or neither names one of them.
    """
    found = constrained_versions(folder / LOCKED) | recorded_versions(folder / RECORDED)
    if missing := sorted(set(packages) - found.keys()):
        raise InputError(
            f"{folder / LOCKED}: expected a line {missing[0]}==<version>, got none; "
            "`make lock` writes it"
        )
    return {name: found[name] for name in sorted(packages)}


def constrained_versions(file: Path) -> dict[str, str]:
    """Return all that a file of constraints locks, by the normalised name.

    Raises
    ------
    InputError
        The file is missing.
    """
    lines = re.findall(r"^([\w.-]+)==([^\s;#+]+)", tracked_text(file), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in lines}


def recorded_versions(file: Path) -> dict[str, str]:
    """Return the versions that a file records, a line `name: version` each.

    Raises
    ------
    InputError
        The file is missing.
    """
    return dict(re.findall(r"^([a-z][a-z-]*): (\S+)$", tracked_text(file), re.MULTILINE))


def tracked_text(file: Path) -> str:
    """Return the text of a file that is in git.

    Raises
    ------
    InputError
        It is missing.
    """
    try:
        return file.read_text()
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; `git checkout {file}` brings it back") from None


def different_versions(packages: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return name, expected and installed version of each package that is of another version.

    The local part of an installed version names a build of it (2.13.0+cu126) and is not compared.
    """
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name, expected in packages.items():
        try:
            installed = version(name).partition("+")[0]
        except PackageNotFoundError:
            installed = "none"
        if installed != expected:
            found.append((name, expected, installed))
    return found
