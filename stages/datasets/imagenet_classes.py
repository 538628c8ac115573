"""ImageNet's classes, and which of them the shifts have: the tables of `data/reference/`."""

import csv
from dataclasses import dataclass
from pathlib import Path

REFERENCE = Path("data/reference")


@dataclass(frozen=True)
class ImageNetClasses:
    """ImageNet's 1,000 classes by index, those of ImageNet-R and -A, ObjectNet's folders."""

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

    The index is the place of the WordNet id among the 1,000 in alphabetical order, as torchvision,
    timm and open_clip number the classes; the ILSVRC ids 1 to 1000 of the development kit are
    others. The names are open_clip's, which prompts use.
    """
    rows = _rows(reference / "imagenet_classes.csv")
    folders = _rows(reference / "objectnet_to_imagenet.csv")
    return ImageNetClasses(
        wnids=[row["wnid"] for row in rows],
        names=[row["name"] for row in rows],
        imagenet_r=[int(row["index"]) for row in rows if row["imagenet_r"] == "1"],
        imagenet_a=[int(row["index"]) for row in rows if row["imagenet_a"] == "1"],
        objectnet={
            row["folder"]: [int(index) for index in row["imagenet_indices"].split()]
            for row in folders
        },
        objectnet_labels={row["folder"]: row["label"] for row in folders},
    )


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
