"""ImageNet's classes, and which of them each shift has: the tables of `data/reference/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from interpreting_clip.datasets.entries import (
    ImageNet,
    ImageNetA,
    ImageNetCaptions,
    ImageNetLike,
    ImageNetR,
    ImageNetSketch,
    ImageNetV2,
    ObjectNet,
)
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tables import read_table

REFERENCE = Path("data/reference")


@dataclass(frozen=True)
class ImageNetClasses:
    """ImageNet's 1,000 classes by index, the classes of ImageNet-R and -A, ObjectNet's folders."""

    wnids: list[str]
    names: list[str]
    imagenet_r: list[int]
    imagenet_a: list[int]
    objectnet: dict[str, list[int]]
    """ObjectNet's folder -> the ImageNet classes that it stands for."""
    objectnet_labels: dict[str, str]
    """ObjectNet's folder -> its name."""


def read_imagenet_classes(reference: Path = REFERENCE) -> ImageNetClasses:
    """Read `imagenet_classes.csv` and `objectnet_to_imagenet.csv`; their README names the sources.

    The index is the position of the WordNet id among the 1,000 in alphabetical order, as
    torchvision, timm and open_clip number the classes; the development kit's ILSVRC ids 1 to 1000
    are different. The names are open_clip's, which prompts use.

    Raises
    ------
    InputError
        A table is missing, lacks a column or has an invalid index.
    """
    file, columns = reference / "imagenet_classes.csv", ("wnid", "name", "imagenet_r", "imagenet_a")
    rows = read_table(file, ("index", *columns)).to_dict("records")
    table = reference / "objectnet_to_imagenet.csv"
    folders = read_table(table, ("folder", "label", "imagenet_indices")).to_dict("records")

    def indices(text: str, source: Path) -> list[int]:
        found = [int(index) if index.isdecimal() else -1 for index in text[:99].split()]
        if not found or not all(0 <= index < len(rows) for index in found):
            raise InputError(
                f"{source}: expected indices of {len(rows):,} classes, got {text!r}; `git restore` "
                "brings it back"
            )
        return found

    def marked(column: str) -> list[int]:
        return [i for row in rows if row[column] == "1" for i in indices(row["index"], file)]

    return ImageNetClasses(
        wnids=[row["wnid"] for row in rows],
        names=[row["name"] for row in rows],
        imagenet_r=marked("imagenet_r"),
        imagenet_a=marked("imagenet_a"),
        objectnet={row["folder"]: indices(row["imagenet_indices"], table) for row in folders},
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

    @property
    def class_indices(self) -> list[int]:
        """The classes of the set, sorted."""
        return sorted(set(self.folders.values()))


IMAGENET_TERMS = "ImageNet's terms of access: non-commercial research and education only"
COLLECTED = "MIT for the collection; the images are their authors'"
OBJECTNET_TERMS = (
    "CC BY 4.0 with two clauses: no parameter may be tuned on ObjectNet, and its images may be "
    "posted only with their red border"
)
_IMAGES: Mapping[type, tuple[int, ...]] = {
    ImageNet: (50_000, 1_281_167),
    ImageNetCaptions: (),  # as many images as its JSON has entries
    ImageNetV2: (10_000,),
    ImageNetR: (30_000,),
    ImageNetSketch: (50_889,),
    ImageNetA: (7_500,),
}


def published_set(entry: ImageNetLike | ImageNetCaptions, known: ImageNetClasses) -> PublishedSet:
    """Return the known facts about the set that an entry names.

    Labels are those of the copies `clip-benchmark/wds_*`: ImageNet's index for sets of all classes,
    otherwise the position of the class folder among the set's own folders in alphabetical order
    (looked up in clip_benchmark 1.6, `datasets/builder.py`, `datasets/objectnet.py`). Its export
    does not crop, so we assume that the copy of ObjectNet has the border too.
    """
    if isinstance(entry, ObjectNet):
        return _objectnet(known)
    some = {ImageNetR: known.imagenet_r, ImageNetA: known.imagenet_a}
    labels = some.get(type(entry), list(range(len(known.wnids))))
    by_number = isinstance(entry, ImageNetV2)
    of_imagenet = isinstance(entry, ImageNet | ImageNetCaptions)
    return PublishedSet(
        folders={str(index) if by_number else known.wnids[index]: index for index in labels},
        images=_IMAGES[type(entry)],
        licence=IMAGENET_TERMS if of_imagenet else COLLECTED,
        labels=labels,
        names=[known.names[index] for index in labels],
        classes=known.names,
    )


def _objectnet(known: ImageNetClasses) -> PublishedSet:
    """An ObjectNet class is its folder's first ImageNet class; the others count as that one."""
    folders = {folder: indices[0] for folder, indices in known.objectnet.items()}
    order = sorted(folders)
    return PublishedSet(
        folders=folders,
        images=(18_574,),
        licence=OBJECTNET_TERMS,
        labels=[folders[folder] for folder in order],
        names=[known.objectnet_labels[folder] for folder in order],
        classes=known.names,
        aliases={
            alias: indices[0] for indices in known.objectnet.values() for alias in indices[1:]
        },
        border=1,
        other_folders=True,
    )
