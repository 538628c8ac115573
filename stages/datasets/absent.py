"""A dataset that a study does without: a folder that says so, here and in all that follows from it.

Every stage still has its outputs, so an absent set is told from one that was never fetched.
"""

from pathlib import Path

from stages.storage.complete import complete_directory
from stages.storage.results import write_json

ABSENT = "absent.json"
"""Stands in the folder of an absent dataset, and of what would have been computed on it."""


def write_absent(key: str, directory: Path) -> None:
    """Write a folder, whole or not at all, that says that the study has no dataset `key`."""
    with complete_directory(directory) as partial:
        write_json(partial / ABSENT, {"dataset": key})


def is_absent(directory: Path) -> bool:
    """Say whether a folder stands for a dataset that the study does without."""
    return (directory / ABSENT).exists()
