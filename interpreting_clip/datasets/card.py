"""The description in a dataset's folder: `card.json`, or `absent.json` if there is no dataset."""

from pathlib import Path

import msgspec

from interpreting_clip.formats.json import read_struct, write_json, write_whole
from interpreting_clip.quantities import Count, Key, Natural


class DatasetCard(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The card of one dataset; the file leaves out values that are the default.

    `classes` holds every class name in the order of the class indices, `class_indices` those that
    occur in this set, sorted: a shift may show only some of ImageNet's classes. `shards` are
    the archives of the folder.

    `aliases` maps further classes to the class of `class_indices` that they count as (see
    `interpreting_clip.statistics.predictions.map_classes`). `border` is how many pixels are cropped
    from each side of an image when it is read. A `partial` set may lack images and classes that the
    published set has. `origin` maps what was read to what identifies its content: a repository of
    the hub to the commit, an archive to its SHA-256, a folder to the digest of the images taken
    from it.
    """

    dataset: Key
    images: Count
    classes: list[str]
    class_indices: list[int]
    source: str
    licence: str
    shards: list[str]
    aliases: dict[int, int] = {}
    border: Natural = 0
    partial: bool = False
    origin: dict[str, str] = {}


def write_card(card: DatasetCard, directory: Path) -> None:
    """Write `directory/card.json`, whole or not at all."""
    tree = msgspec.to_builtins(card, str_keys=True)
    text = msgspec.json.format(msgspec.json.encode(tree, order="sorted"), indent=2)
    write_whole(directory / "card.json", text + b"\n")


def read_card(directory: Path) -> DatasetCard:
    """Read `directory/card.json`.

    Raises
    ------
    InputError
        There is no card, or another program wrote it.
    """
    return read_struct(directory / "card.json", DatasetCard)


ABSENT = "absent.json"
"""The file in the folder of an absent dataset, and of what would have been computed on it."""


def write_absent(key: str, directory: Path) -> None:
    """Write into a folder that the study has no dataset `key`."""
    write_json(directory / ABSENT, {"dataset": key})


def is_absent(directory: Path) -> bool:
    """Say whether a folder stands for a dataset that the study does not have."""
    return (directory / ABSENT).exists()
