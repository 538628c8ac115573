"""ObjectNet's own `mappings/`, held against our table of its classes where they are there."""

from collections.abc import Mapping
from typing import Any

import msgspec

from stages.datasets.published_sets import PublishedSet
from stages.storage.errors import InputError

FOLDERS = "folder_to_objectnet_label.json"
CLASSES = "objectnet_to_imagenet_1k.json"
MAPPINGS = (FOLDERS, CLASSES)
"""The files that say which folder is which ObjectNet class, and which of these ImageNet has."""


def check_mappings(found: Mapping[str, bytes], published: PublishedSet, where: str) -> None:
    """Refuse a copy of ObjectNet whose mappings say something else than the published ones.

    Raises
    ------
    InputError
        A mapping is unreadable, lacks a folder, or names other classes.
    """
    labels = dict(zip(sorted(published.folders), published.names, strict=True))
    if FOLDERS in found:
        folders = _read(found[FOLDERS], f"{where}: {FOLDERS}")
        wrong = [folder for folder, label in labels.items() if folders.get(folder) != label]
        if wrong:
            raise _other(f"{where}: {FOLDERS}", wrong)
    if CLASSES in found:
        classes = _read(found[CLASSES], f"{where}: {CLASSES}")
        wrong = sorted(classes.keys() ^ set(labels.values()))
        if wrong:
            raise _other(f"{where}: {CLASSES}", wrong)


def _read(data: bytes, where: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InputError(f"{where}: not ObjectNet's mapping ({error}); unpack it again") from error


def _other(where: str, wrong: list[str]) -> InputError:
    return InputError(
        f"{where}: ObjectNet's published mapping was expected, it differs in {', '.join(wrong[:3])}"
        "; unpack ObjectNet 1.0 again"
    )
