"""ImageNet's classes, and which of them each published set has: the tables of `data/reference/`."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from interpreting_clip.config.shifts import SHIFTS
from interpreting_clip.datasets.entries import ImageNet, ImageNetCaptions, ImageNetLike, tag
from interpreting_clip.formats.csv_tables import read_table

REFERENCE = Path("data/reference")


@dataclass(frozen=True)
class ImageNetClasses:
    """ImageNet's 1,000 classes by index, the classes of smaller sets, and ObjectNet's folders."""

    wnids: list[str]
    names: list[str]
    subsets: dict[str, list[int]]
    """The classes of a set with fewer, by the set's name."""
    objectnet: dict[str, list[int]]
    """ObjectNet's folder -> the ImageNet classes that it stands for."""
    objectnet_labels: dict[str, str]
    """ObjectNet's folder -> its name."""

    def of(self, name: str) -> list[int]:
        """Return the classes of a published set, in their order."""
        return self.subsets.get(name, list(range(len(self.wnids))))


def read_imagenet_classes(reference: Path = REFERENCE) -> ImageNetClasses:
    """Read `imagenet_classes.csv` and `objectnet_to_imagenet.csv`; their README names the sources.

    The index is the position of the WordNet id among the 1,000 in alphabetical order, as
    torchvision, timm and open_clip number the classes; the development kit's ILSVRC ids 1 to 1000
    are different. The names are open_clip's, which prompts use.
    """
    file, about = reference / "imagenet_classes.csv", ("index", "wnid", "name")
    classes = read_table(file, about)
    rows = classes.to_dict("records")
    table = reference / "objectnet_to_imagenet.csv"
    folders = read_table(table, ("folder", "label", "imagenet_indices")).to_dict("records")
    marked = {
        name: [int(row["index"]) for row in rows if row[name] == "1"]
        for name in classes.columns.drop(list(about))
    }
    objectnet = {row["folder"]: [*map(int, row["imagenet_indices"].split())] for row in folders}
    return ImageNetClasses(
        wnids=[row["wnid"] for row in rows],
        names=[row["name"] for row in rows],
        subsets=marked | {"objectnet": sorted(first for first, *_ in objectnet.values())},
        objectnet=objectnet,
        objectnet_labels={row["folder"]: row["label"] for row in folders},
    )


@dataclass(frozen=True)
class PublishedSet:
    """One set whose images have an ImageNet class."""

    folders: dict[str, int]
    """The name of a class folder -> the class of its images."""
    images: tuple[int, ...]
    """How many images the whole set has (ImageNet: its validation and its train set).

    Empty if that is not known: then a class may also have no image, unless `every_class`.
    """
    licence: str
    labels: list[int]
    """The class of each label of the webdataset copies."""
    names: list[str]
    """The name of each label in these copies' `classnames.txt`."""
    classes: list[str]
    """The names of all of ImageNet's classes, for prompts."""
    aliases: dict[int, int] = field(default_factory=dict)
    border: int = 0
    other_folders: bool = False
    """Whether the set has further folders that have no ImageNet class."""
    every_class: bool = False
    """Whether each class has an image although the number of images is not known."""
    numbered: bool = False
    """Whether labels without names have the order of `labels`."""

    @property
    def class_indices(self) -> list[int]:
        """The classes of the set, sorted."""
        return sorted(set(self.folders.values()))


CAPTIONED = PublishedSet({}, (), "that of the images' authors", labels=[], names=[], classes=[])
"""The known facts about captioned images: neither classes nor their number."""

IMAGES = {
    "imagenet": (50_000, 1_281_167),
    "imagenet_captions": (),  # as many images as its JSON has entries
    **{name: (shift.images,) for name, shift in SHIFTS.items()},
}
"""`PublishedSet.images` by kind."""


def published_set(entry: ImageNetLike | ImageNetCaptions, known: ImageNetClasses) -> PublishedSet:
    """Return the known facts about the set that an entry names.

    Labels are as in the copies `clip-benchmark/wds_*`: ImageNet's index for sets of all classes,
    otherwise the position of the class folder among the set's own folders in alphabetical order
    (looked up in clip_benchmark 1.6, `datasets/builder.py`, `datasets/objectnet.py`).
    """
    kind = tag(entry)
    labels, of_imagenet = known.of(kind), isinstance(entry, ImageNet | ImageNetCaptions)
    by_number = kind in SHIFTS and SHIFTS[kind].numbered
    published = PublishedSet(
        folders={str(index) if by_number else known.wnids[index]: index for index in labels},
        images=IMAGES[kind],
        licence=(
            "ImageNet's terms of access: non-commercial research and education only"
            if of_imagenet
            else "MIT for the collection; the images are their authors'"
        ),
        labels=labels,
        names=[known.names[index] for index in labels],
        classes=known.names,
        numbered=of_imagenet,
    )
    if kind != "objectnet":
        return published
    # A class is its folder's first ImageNet class; the others count as this class.
    folders = {folder: known.objectnet[folder][0] for folder in sorted(known.objectnet)}
    return replace(
        published,
        folders=folders,
        licence=(
            "CC BY 4.0 with two clauses: no parameter may be tuned on ObjectNet, and its images "
            "may be posted only with their red border"
        ),
        labels=list(folders.values()),
        names=[known.objectnet_labels[folder] for folder in folders],
        aliases={alias: first for first, *others in known.objectnet.values() for alias in others},
        border=1,  # also in the copies: clip_benchmark's export does not crop
        other_folders=True,
    )
