"""What a dataset folder says about itself: `card.json`."""

from pathlib import Path

import msgspec

from stages.storage.errors import InputError
from stages.storage.quantities import Count, Key


class DatasetCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The card of one dataset.

    `classes` holds every class name in the order of the class indices, `class_indices` those that
    occur in this set, sorted: a shift may show only some of ImageNet's classes. `shards` maps each
    archive of the folder to its SHA-256.
    """

    dataset: Key
    images: Count
    classes: list[str]
    class_indices: list[int]
    source: str
    licence: str
    shards: dict[str, str]


def write_card(card: DatasetCard, directory: Path) -> None:
    """Write `directory/card.json`, whole or not at all."""
    text = msgspec.json.format(msgspec.json.encode(card, order="sorted"), indent=2)
    partial = directory / "card.json.partial"
    partial.write_bytes(text + b"\n")
    partial.replace(directory / "card.json")


def read_card(directory: Path) -> DatasetCard:
    """Read `directory/card.json`.

    Raises
    ------
    InputError
        There is no card, or it is none of ours.
    """
    path = directory / "card.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=DatasetCard)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: the dataset's card was expected, there is none; run its `fetch` stage again"
        ) from error
    except msgspec.MsgspecError as error:
        raise InputError(
            f"{path}: not a dataset's card ({error}); run its `fetch` stage again"
        ) from error
