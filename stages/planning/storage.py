"""What a study writes to disk, and whether the disk has room for it."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stages.planning.amounts import Amount, about, size, total
from stages.planning.compute import Images, class_count
from stages.planning.lineage import backbone, has_text_tower, trainings
from stages.planning.towers import cost
from stages.settings.sections import Sections
from stages.settings.shifts import SHIFTS, TEST_SETS

FLOAT = 4
"""Bytes of a number in single precision: all weights, activations and matrices are stored so."""

STATES = 3
"""AdamW's checkpoint holds each weight and two running means."""


@dataclass(frozen=True)
class Room:
    """What is written to one folder; `passing` is deleted or may be deleted after the run."""

    what: str
    folder: str
    bytes: Amount
    passing: bool = False


@dataclass(frozen=True)
class Disk:
    """A disk by a folder on it, the bytes that a study needs there, and those that are free."""

    place: Path
    needed: Amount
    free: int

    @property
    def is_short(self) -> bool:
        """Say whether there is less room than is known to be needed."""
        return self.needed.value > self.free

    def __str__(self) -> str:
        """Return the comparison in words, a warning where the disk is short."""
        words = f"{self.place}: {size(self.needed)} needed, {size(Amount(self.free))} free"
        return f"WARNING, {words}" if self.is_short else words


def all_room(
    study: Sections, images: Images, stored: Mapping[str, Amount], downloads: Amount, folder: str
) -> list[Room]:
    """Return what each stage writes; `stored` are the datasets' bytes, `folder` keeps downloads."""
    return [
        Room("downloads", folder, downloads, passing=True),
        Room("datasets", "data/datasets", total(stored.values())),
        Room("weights", "data/weights", total(weights(study, key) for key in study.encoders)),
        Room("heads", "data/heads", total(head(study, key) for key in study.encoders)),
        Room("activations", "data/activations", activations(study, images, TEST_SETS[0])),
        Room("shift activations", "data/shift_activations", activations(study, images, *SHIFTS)),
        Room("Broden activations", "data/broden_activations", activations(study, images, "broden")),
        Room("layer Grams", "data/layer_grams", total(grams(study, key) for key in study.encoders)),
        Room("training checkpoints", ".scratch", checkpoints(study), passing=True),
    ]


def weights(study: Sections, key: str) -> Amount:
    """Return the bytes of an encoder's weights, with the text tower or the head that it has."""
    price = cost(backbone(study, key))
    towers = price.parameters + (price.text_parameters if has_text_tower(study, key) else Amount(0))
    trained = study.encoders[key].head == "trained"
    return towers * FLOAT + (head(study, key) if trained else Amount(0))


def head(study: Sections, key: str) -> Amount:
    """Return the bytes of an encoder's head, a row of features per class."""
    return cost(backbone(study, key)).width * (class_count(study) * FLOAT)


def activations(study: Sections, images: Images, *sets: str) -> Amount:
    """Return the bytes of all encoders' activations on some datasets."""
    number = total(images[name] for name in sets)
    widths = total(cost(backbone(study, key)).width for key in study.encoders)
    return number.times(widths) * FLOAT


def grams(study: Sections, key: str) -> Amount:
    """Return the bytes of an encoder's Gram matrices: one per layer and minibatch."""
    batches = study.layers.images // study.layers.minibatch
    return cost(backbone(study, key)).layers * (batches * study.layers.minibatch**2 * FLOAT)


def checkpoints(study: Sections) -> Amount:
    """Return the bytes of the largest checkpoint: trainings run one after the other."""
    sizes = [weights(study, key) * STATES for key in trainings(study)]
    return about(max(each.value for each in sizes)) if sizes else Amount(0)


def disks(rooms: Iterable[Room]) -> list[Disk]:
    """Return each disk that is written to, with what is needed there and what is free."""
    found: dict[int, Disk] = {}
    for room in rooms:
        place = existing(Path(room.folder))
        device = place.stat().st_dev
        disk = found.get(device) or Disk(place.resolve(), Amount(0), shutil.disk_usage(place).free)
        found[device] = replace(disk, needed=disk.needed + room.bytes)
    return list(found.values())


def existing(path: Path) -> Path:
    """Return the nearest folder above a path that is there already."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())
