"""The classes of a study's own shift: what its folders and labels are called and stand for."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from interpreting_clip.datasets.class_folders import walk
from interpreting_clip.datasets.entries import RealShift
from interpreting_clip.datasets.imagenet import ImageNetClasses, PublishedSet
from interpreting_clip.datasets.images import SUFFIXES


def own_set(entry: RealShift, known: ImageNetClasses) -> PublishedSet:
    """Return what an entry of `shifts:` says of its classes, as the facts of a set.

    A folder that stands for several classes has the first of them, as which the others count.
    `labels` is empty for a mapping whose names are not the labels 0, 1, … of shards.

    Raises
    ------
    ValueError
        A WordNet id is none of ImageNet's; a class is named twice, by its WordNet id and its index;
        or a class belongs to several folders, and to one of them together with others.
    """
    indices = {wnid: index for index, wnid in enumerate(known.wnids)}
    indices |= {str(index): index for index in range(len(known.wnids))}

    def index(name: str) -> int:
        if name not in indices:
            raise ValueError(
                f"`classes`: {name} is none of ImageNet's {len(known.wnids):,} classes; "
                "data/reference/imagenet_classes.csv lists them"
            )
        return indices[name]

    aliases: dict[int, int] = {}
    if isinstance(entry.classes, dict):
        found = {name: list(map(index, said.split())) for name, said in entry.classes.items()}
        folders = {name: first for name, (first, *_) in found.items()}
        aliases = _aliases(found)
        numbered = [str(label) for label in range(len(folders))]
        labels = [folders[label] for label in numbered] if folders.keys() == {*numbered} else []
    else:
        listed = known.wnids if entry.classes == "all" else entry.classes
        labels = list(map(index, listed))
        _require_distinct(listed, labels)
        folders = {name: label for name, label in indices.items() if label in {*labels}}
    return PublishedSet(
        folders=folders,
        images=(),
        licence=entry.licence,
        labels=labels,
        names=[known.names[label] for label in labels],
        classes=known.names,
        aliases=aliases,
        every_class=entry.classes != "all",
    )


def _require_distinct(names: Iterable[str], indices: Iterable[int]) -> None:
    first: dict[int, str] = {}
    for name, index in zip(names, indices, strict=True):
        if (other := first.setdefault(index, name)) != name:
            raise ValueError(f"`classes`: {other} and {name} are one class; name it once")


def _aliases(found: Mapping[str, list[int]]) -> dict[int, int]:
    """Return the further classes of folders that stand for several, each with the first one."""
    owners: dict[int, str] = {}
    for name, several in found.items():
        for index in several if len(several) > 1 else ():
            owners[index] = name
    for name, several in found.items():
        for index in several:
            if owners.get(index, name) != name:
                raise ValueError(
                    f"`classes`: class {index} belongs to {owners[index]!r}, which stands for "
                    f"several classes, and to {name!r}; an image of it would have two right answers"
                )
        if len(set(several)) < len(several):
            raise ValueError(f"`classes`: {name!r} has a class twice, once by WordNet id; drop one")
    return {index: several[0] for several in found.values() for index in several[1:]}


def require_one_folder_per_class(classes: Mapping[str, int | None]) -> None:
    """Refuse images of a class in folders named by its WordNet id and by its index.

    Parameters
    ----------
    classes : the class of each image, by its path

    Raises
    ------
    ValueError
        Names both folders.
    """
    first: dict[int | None, str] = {}
    for path, class_ in classes.items():
        folder = PurePosixPath(path).parent.name
        if (other := first.setdefault(class_, folder)) != folder:
            raise ValueError(
                f"the folders {other!r} and {folder!r} are one class, by its WordNet id and by its "
                "index; is a copy of another set among the images? Keep one of them, or write a "
                "mapping under `classes`"
            )


def holds_shards(root: Path) -> bool:
    """Return whether a folder holds webdataset shards, and no images in class folders.

    Raises
    ------
    ValueError
        It holds both, so that one of them would be ignored.
    """
    shard = image = ""
    for path, _ in walk(root):
        suffix = PurePosixPath(path).suffix.lower()
        shard = shard or (path if suffix == ".tar" else "")
        image = image or (path if suffix in SUFFIXES else "")
    if shard and image:
        raise ValueError(
            f"expected shards (*.tar) or images in class folders, got both: {shard} and {image}; "
            "put them into folders of their own"
        )
    return bool(shard)
