"""How many images a dataset has, and how large they are, by what is published of it."""

from dataclasses import dataclass

from stages.datasets.entries import Absent, ImageNet, RealEntry
from stages.planning.amounts import UNKNOWN, Amount, about
from stages.settings.datasets import DatasetEntry
from stages.world.recipe import Recipe, World


@dataclass(frozen=True)
class Published:
    """What is known of a set: images, classes, images of its smallest class, bytes of its archive.

    Without classes, a limit takes its number of images; a `smallest` class of 0 is unknown.
    """

    images: int
    classes: int = 1000
    smallest: int = 0
    archive: float = 0.0


SETS = {
    "imagenet_train": Published(1_281_167, smallest=732, archive=147.9e9),
    "imagenet_val": Published(50_000, smallest=50, archive=6.74e9),
    "imagenet_v2": Published(10_000, smallest=10, archive=1.26e9),
    "imagenet_r": Published(30_000, classes=200, archive=2.19e9),
    "imagenet_sketch": Published(50_889, archive=7.6e9),
    "objectnet": Published(18_574, classes=113),
    "imagenet_a": Published(7_500, classes=200, archive=0.69e9),
    "broden": Published(63_305, classes=0, archive=63_305 * 0.6 * 224**2),
    "imagenet_captions": Published(463_622, classes=0, archive=463_622 * 115e3),
}
"""The sets by their kind, ImageNet's two by their entry; ObjectNet's images of ImageNet's classes.

Image counts are those of the sets' papers, archives' sizes are rounded. Broden's archive is guessed
from 224 × 224 pixels, and ImageNet-Captions' images are ImageNet's.
"""

DRAWN, AROUND = 3.1, 2048
"""Bytes per pixel of a drawn image as PNG, since noise does not compress, and of the tar members
around it; measured on the miniature, where an image takes 5 to 6 KiB of a shard.
"""


def image_count(key: str, entry: DatasetEntry) -> Amount:
    """Return the number of images of a dataset, after its limit.

    A limit takes equally many of each class, so it is met exactly where every class is known to
    have as many, and about elsewhere.
    """
    if isinstance(entry, Absent):
        return Amount(0)
    if isinstance(entry, Recipe):
        return Amount(entry.images)
    everything, known = official_count(key, entry), published(key, entry)
    if entry.limit is None or (everything.whole and entry.limit >= everything.value):
        return everything
    if known is None or not everything.whole:
        return about(entry.limit)
    if not known.classes:
        return Amount(entry.limit)
    each = entry.limit // known.classes
    return Amount(each * known.classes) if each <= known.smallest else about(entry.limit)


def official_count(key: str, entry: RealEntry) -> Amount:
    """Return the number of images of a real dataset without a limit, as far as it is published.

    Of an entry that is a part of its set (`partial`), nothing is known.
    """
    known = published(key, entry)
    return UNKNOWN if known is None or entry.partial else Amount(known.images)


def image_bytes(key: str, entry: DatasetEntry, world: World | None) -> Amount:
    """Return about the bytes of one image as it is stored."""
    if isinstance(entry, Recipe):
        return about(DRAWN * world.image_size**2 + AROUND) if world else UNKNOWN
    known = None if isinstance(entry, Absent) else published(key, entry)
    return about(known.archive / known.images) if known and known.archive else UNKNOWN


def published(key: str, entry: RealEntry) -> Published | None:
    """Return what is known of the set of an entry, if anything is."""
    return SETS.get(key if isinstance(entry, ImageNet) else str(entry.__struct_config__.tag))
