"""The names that a copy gives to its labels, and the classes that they mean."""

import re
from collections.abc import Sequence

from interpreting_clip.datasets.imagenet import PublishedSet

AGREEING = 0.5
"""The share of ImageNet's labels whose names have to contain the name that we know.

Of the WordNet names that the hub has, 83 % do; the others are synonyms, or names that have changed.
"""


def label_classes(names: Sequence[str], published: PublishedSet) -> list[int | None]:
    """Return the class that each label means, None for a class that the set does not have.

    Names are folders (WordNet ids, ObjectNet's `alarm_clock`) or, where the set has all of
    ImageNet's classes, names in ImageNet's order, and else the names of the set's classes. Case,
    spaces and punctuation do not count.
    """
    every = len(published.labels) == len(published.classes)
    if every and not published.folders.keys() >= set(names):
        check_order(names, published)
        return list(published.labels)
    classes = named_classes(names, published)
    missing = [folder for folder, class_ in published.folders.items() if class_ not in classes]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(published.folders)} classes have no label: "
            f"{', '.join(missing[:3])}; check `kind` and `files` or `folder` in params.yaml"
        )
    return classes


def named_classes(names: Sequence[str], published: PublishedSet) -> list[int | None]:
    """Return the class of each name, None for a class that the set does not have."""
    known: dict[str, set[int]] = {}
    for name, class_ in [
        *zip(published.names, published.labels, strict=True),
        *published.folders.items(),
    ]:
        known.setdefault(_fold(name), set()).add(class_)
    classes: list[int | None] = []
    for name in names:
        meanings = known.get(_fold(name), set())
        class_ = published.folders.get(name, min(meanings) if len(meanings) == 1 else None)
        if class_ is None and not published.other_folders:
            raise ValueError(
                f"{name!r} is not a class of this set; expected names such as "
                f"{', '.join(map(repr, published.names[:2]))}; check `kind`"
            )
        if class_ is not None and class_ in classes:
            raise ValueError(
                f"two labels mean one class, {name!r} and {names[classes.index(class_)]!r}"
            )
        classes.append(class_)
    return classes


def check_order(names: Sequence[str], published: PublishedSet, agreeing: float = AGREEING) -> None:
    """Compare the names of a copy's labels with the names of the set's classes, in order.

    Copies have WordNet's names (`tench, Tinca tinca`) or the names of their day (crane, kite and
    maillot have been corrected), so a name may be of no class that we know, if the share `agreeing`
    of the others is. But where a label has another class's name, that class's label has to have it
    too, as with `chime, bell, gong` and `gong, tam-tam`.
    """
    if len(names) != len(published.names):
        raise ValueError(
            f"expected {len(published.names):,} names of labels, got {len(names):,}; check `kind` "
            "and `files` or `folder` in params.yaml"
        )
    set_names = [_fold(name) for name in published.names]
    given = [{_fold(word) for word in (name, *name.split(","))} for name in names]
    agrees = [name in words for name, words in zip(set_names, given, strict=True)]
    labels: dict[str, list[int]] = {}
    for label, name in enumerate(set_names):
        labels.setdefault(name, []).append(label)
    strange = [
        label
        for label, words in enumerate(given)
        if not agrees[label]
        and not all(agrees[other] for word in words for other in labels.get(word, ()))
    ]
    if strange or sum(agrees) < agreeing * len(names):
        label = (strange or [agrees.index(False)])[0]
        raise ValueError(
            f"label {label}: expected the name {published.names[label]!r}, got {names[label]!r}, "
            "so labels are numbered differently; check `kind`, and `files` or `folder`"
        )


def _fold(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
