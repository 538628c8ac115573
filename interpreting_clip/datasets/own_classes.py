"""The classes of a study's own shift: what its folders and labels are called and stand for."""

from collections.abc import Mapping

from interpreting_clip.datasets.entries import RealShift
from interpreting_clip.datasets.imagenet import ImageNetClasses, PublishedSet

UNNUMBERED = (
    "the mapping under `classes` has to name all labels of these shards, '0', '1', …, each once; "
    "or give a list in their order"
)
"""Why shards that have no names of their labels cannot be read with a mapping."""


def own_set(entry: RealShift, known: ImageNetClasses) -> PublishedSet:
    """Return what an entry of `shifts:` says of its classes, as the facts of a set.

    A folder that stands for several classes has the first of them, as which the others count.
    `labels` is empty for a mapping whose names are not the labels 0, 1, … of shards.
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
        given = {name: list(map(index, ids.split())) for name, ids in entry.classes.items()}
        _refuse_contradictions(given)
        folders = {name: first for name, (first, *_) in given.items()}
        aliases = {alias: first for first, *others in given.values() for alias in others}
        numbers = [str(label) for label in range(len(folders))]
        labels = [folders[number] for number in numbers] if folders.keys() == {*numbers} else []
    else:
        listed = known.wnids if entry.classes == "all" else entry.classes
        labels = list(map(index, listed))
        first = dict(zip(reversed(labels), reversed(listed), strict=True))
        for name, label in zip(listed, labels, strict=True):
            if first[label] != name:
                raise ValueError(
                    f"`classes`: {first[label]} and {name} are one class; name it once"
                )
        folders = {name: label for name, label in indices.items() if label in first}
    if not labels and entry.hub and not entry.hub.files.endswith(".parquet"):
        raise ValueError(UNNUMBERED)
    return PublishedSet(
        folders=folders,
        images=(),
        licence=entry.licence,
        labels=labels,
        names=[known.names[label] for label in labels],
        classes=known.names,
        aliases=aliases,
        every_class=entry.classes != "all",
        numbered=bool(labels),
    )


def _refuse_contradictions(indices: Mapping[str, list[int]]) -> None:
    """Refuse a folder with a class twice, and a class of two folders that merges others."""
    merged = {index: name for name, several in indices.items() if several[1:] for index in several}
    for name, several in indices.items():
        if len(set(several)) < len(several):
            raise ValueError(f"`classes`: {name!r} has a class twice, once by WordNet id; drop one")
        for index in several:
            if merged.get(index, name) != name:
                raise ValueError(
                    f"`classes`: class {index} belongs to {merged[index]!r}, which stands for "
                    f"several classes, and to {name!r}; an image of it would have two right answers"
                )
