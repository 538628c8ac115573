"""All that can be said of a study before it is started."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stages.datasets.entries import RealSet
from stages.planning.amounts import Amount, about, total
from stages.planning.compute import Work, all_work
from stages.planning.images import image_bytes, image_count, official_count
from stages.planning.lineage import backbone_name, origin
from stages.planning.locations import Location, Repository, dataset_locations
from stages.planning.probe import Reach, probe
from stages.planning.storage import Disk, Room, all_room, disks, weights
from stages.planning.towers import Cost, cost
from stages.planning.weight_files import weight_places
from stages.settings.sections import Sections
from stages.storage.machine import Machine


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
