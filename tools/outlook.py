"""All that can be said of a study before it is started."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stages.config.datasets import Absent, DatasetEntry, ImageNet, RealEntry, RealSet
from stages.config.machine import Machine
from stages.config.sections import Sections
from stages.config.synthetic import Recipe, World
from tools.amounts import UNKNOWN, Amount, about, total
from tools.costs import (
    Cost,
    Disk,
    Room,
    Work,
    all_room,
    all_work,
    backbone_name,
    cost,
    disks,
    origin,
    weights,
)
from tools.reach import Location, Reach, Repository, dataset_locations, probe, weight_places


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


@dataclass(frozen=True)
class DatasetOutlook:
    """A dataset: its places, its images, and what it takes to download and to keep."""

    key: str
    kind: str
    source: str
    places: tuple[Location, ...]
    images: Amount
    download: Amount
    stored: Amount


@dataclass(frozen=True)
class EncoderOutlook:
    """An encoder: where it comes from, what its architecture costs, and its places."""

    key: str
    origin: str
    head: str
    backbone: str
    cost: Cost
    places: tuple[Location, ...]
    download: Amount


@dataclass(frozen=True)
class Outlook:
    """A study's datasets and encoders, what was found of their places, work and disk."""

    datasets: list[DatasetOutlook]
    encoders: list[EncoderOutlook]
    reach: Mapping[Location, Reach]
    work: list[Work]
    rooms: list[Room]
    disks: list[Disk]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Each place that cannot be reached, once, with the reason, which names it too."""
        return [(str(place), r.problem) for place, r in self.reach.items() if r.problem]

    @property
    def pins(self) -> list[tuple[Repository, str]]:
        """Each repository whose revision is no commit, with the commit that it is today."""
        found = [(place, r.commit) for place, r in self.reach.items()]
        return [(p, commit) for p, commit in found if commit and isinstance(p, Repository)]

    @property
    def unasked(self) -> int:
        """How many places nobody has asked."""
        return sum(not r.asked for r in self.reach.values())


def look_ahead(study: Sections, machine: Machine, *, offline: bool) -> Outlook:
    """Ask all places of a study, and add up what it takes."""
    places = {f"datasets.{key}": dataset_locations(entry) for key, entry in study.datasets.items()}
    places |= {f"weights.{key}": found for key, found in weight_places(study).items()}
    reach = probe((p for found in places.values() for p in found), machine, offline=offline)
    datasets = [dataset_outlook(study, key, places, reach) for key in study.datasets]
    encoders = [encoder_outlook(study, key, places, reach) for key in study.encoders]
    images = {dataset.key: dataset.images for dataset in datasets}
    rooms = all_room(
        study,
        images,
        {dataset.key: dataset.stored for dataset in datasets},
        downloads([*datasets, *encoders], reach),
        machine.downloads,
    )
    return Outlook(datasets, encoders, reach, all_work(study, images), rooms, disks(rooms))


def dataset_outlook(
    study: Sections,
    key: str,
    places: Mapping[str, list[Location]],
    reach: Mapping[Location, Reach],
) -> DatasetOutlook:
    """Return what can be said of a dataset."""
    entry, mine = study.datasets[key], tuple(places[f"datasets.{key}"])
    images, each = image_count(key, entry), image_bytes(key, entry, study.sources.world)
    asked = total(reach[place].download for place in mine)
    whole = official_count(key, entry) if isinstance(entry, RealSet) else images
    return DatasetOutlook(
        key=key,
        kind=str(entry.__struct_config__.tag),
        source=entry.source,
        places=mine,
        images=images,
        download=asked if asked.whole else about(1).times(whole).times(each),
        stored=stored(images, whole, each, asked),
    )


def stored(images: Amount, everything: Amount, each: Amount, download: Amount) -> Amount:
    """Return about the bytes of a dataset: its share of the download, or what its images take."""
    if not (download.whole and download.value):
        return images.times(each)
    share = images.value / everything.value if everything.whole and images.whole else 1
    return about(download.value * share)


def encoder_outlook(
    study: Sections,
    key: str,
    places: Mapping[str, list[Location]],
    reach: Mapping[Location, Reach],
) -> EncoderOutlook:
    """Return what can be said of an encoder."""
    mine = tuple(places.get(f"weights.{key}", ()))
    download = total(reach[place].download for place in mine)
    if not download.whole:
        download = about(1).times(weights(study, key))
    name = backbone_name(study, key)
    return EncoderOutlook(
        key=key,
        origin=origin(study, key),
        head=study.encoders[key].head,
        backbone=name,
        cost=cost(study.backbones[name]),
        places=mine,
        download=download,
    )


def downloads(
    items: Iterable[DatasetOutlook | EncoderOutlook], reach: Mapping[Location, Reach]
) -> Amount:
    """Return the bytes of all downloads; what several entries take from one place counts once."""
    once: dict[object, Amount] = {}
    for item in items:
        if all(reach[place].download.whole for place in item.places):
            once |= {place: reach[place].download for place in item.places}
        else:
            once[item.places] = item.download
    return total(once.values())
