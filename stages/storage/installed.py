"""Whether the packages that compute are those that a stage's method names."""

from collections.abc import Mapping
from pathlib import Path

from stages.storage.errors import InputError
from stages.storage.results import read_json

METHODS = Path("data/methods")


def require_installed(method: str) -> None:
    """Refuse to compute with other versions of packages than those that the results are kept under.

    A method that is not there says nothing: DVC runs no stage without it, only a user by hand.

    Raises
    ------
    InputError
        Names each package with the version that is locked and the one that is installed.
    """
    file = METHODS / f"{method}.json"
    packages = read_json(file).get("packages") if file.exists() else None
    if packages and (differing := different_versions(packages)):
        first = differing[0][0]
        raise InputError(
            "; ".join(f"{name}: expected {locked}, got {got}" for name, locked, got in differing)
            + ". Results depend on the versions in constraints.txt and versions.yaml: `make "
            "install` installs the former and records the latter, or write the installed version "
            f"of {first} there yourself; `dvc repro` then runs again what depends on it"
        )


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
