"""The packages of others in which numbers are computed, and the versions that are locked."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from stages.storage.errors import InputError

LOCKED = Path("constraints.txt")

COMPUTING = {
    "PIL": "pillow",
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
        *("dvclive", "huggingface_hub", "jaxtyping", "msgspec", "requests", "safetensors"),
        *("threadpoolctl", "tqdm", "urllib3", "yaml"),
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
            "stages/storage/packages.py, got none; say whether a result can change with its version"
        )
    todo, found = [COMPUTING[name] for name in modules if name in COMPUTING], set()
    while todo:
        found.add(package := todo.pop())
        todo.extend(set(BENEATH.get(package, ())) - found)
    return found


def locked_versions(packages: Iterable[str], file: Path = LOCKED) -> dict[str, str]:
    """Return by name the version that a file of constraints locks each package at.

    Without the local part: 2.13.0+cpu and 2.13.0+cu126 are builds of one version.

    Raises
    ------
    InputError
        The file is missing, or does not lock one of them.
    """
    try:
        found = every_version(file.read_text())
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; `git checkout {file}` brings it back") from None
    if missing := sorted(set(packages) - found.keys()):
        raise InputError(
            f"{file}: expected a line {missing[0]}==<version>, got none; `make lock` writes it"
        )
    return {name: found[name] for name in sorted(packages)}


def every_version(constraints: str) -> Mapping[str, str]:
    """Return all that constraints lock, by the normalised name."""
    lines = re.findall(r"^([\w.-]+)==([^\s;#+]+)", constraints, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in lines}
