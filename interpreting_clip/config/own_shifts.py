"""The entries of `shifts:`: a study's own shifts, besides those of the testbed."""

from typing import Annotated, Literal

from msgspec import Meta

from interpreting_clip.config.datasets import RealSet
from interpreting_clip.config.synthetic import Labelled
from interpreting_clip.quantities import Key, Name

CLASS = r"(n\d{8}|\d|[1-9]\d|[1-9]\d\d)"
"""A class of ImageNet: its WordNet id, or its index among the 1,000."""

ImageNetClass = Annotated[
    str,
    Meta(
        pattern=rf"^{CLASS}\Z",
        extra={"legal": "a WordNet id such as n02085620, or an index from 0 to 999 in quotes"},
    ),
]

# One text, not a list: msgspec 0.22 crashes on a union of a text with a pattern and a list of a
# limited length.
ImageNetClasses = Annotated[
    str,
    Meta(
        pattern=rf"^{CLASS}( {CLASS})*\Z",
        max_length=10_000,
        extra={"legal": "a WordNet id or an index in quotes, or several with a space between"},
    ),
]
"""One class, or several of which any is right."""


class DrawnShift(Labelled, frozen=True, kw_only=True, tag_field="kind", tag="labelled"):
    """A shift that is drawn from the world, like the labelled sets of `datasets:`.

    `baseline` says which standard models it is read against. `none`: accuracy alone. `trained`:
    those that the study trains (`baseline.source: trained`). `published`: those of the table
    `data/baselines/<shift>.csv`.
    """

    label: Name
    baseline: Literal["none", "trained", "published"]


class RealShift(RealSet, frozen=True, kw_only=True, tag="own"):
    """Any images whose classes are some of ImageNet's.

    `classes` says which, and what the source calls them: `all`, where class folders bear WordNet
    ids or indices and the labels of shards are indices; a list of the classes that the set has, in
    the same folders, where the labels of shards count the list from 0; or a mapping from the name
    of each class folder, or the label, to its class. A folder may stand for several classes, of
    which any is right, as in ObjectNet. `licence` is kept on the dataset's card.
    """

    label: Name
    baseline: Literal["none", "published"]
    classes: Annotated[
        Literal["all"]
        | Annotated[list[ImageNetClass], Meta(min_length=1, max_length=1000)]
        | Annotated[dict[Name, ImageNetClasses], Meta(min_length=1, max_length=1000)],
        Meta(extra={"legal": "all, a list of 1 to 1,000 classes, or a mapping of names to them"}),
    ]
    licence: Name = "not stated"

    def __post_init__(self) -> None:
        """Refuse a class that is named twice, a part of a published set, and a wrong source."""
        super().__post_init__()
        if self.partial and self.baseline == "published":
            raise ValueError(
                "`partial: true` leaves out classes that the standard models of `baseline: "
                "published` were measured on; take the whole set, or `baseline: none`"
            )
        named = self.classes.values() if isinstance(self.classes, dict) else [self.classes]
        for one in named:
            classes = one.split() if isinstance(one, str) else one
            if len(set(classes)) < len(classes):
                twice = next(name for name in classes if classes.count(name) > 1)
                raise ValueError(f"`classes` must name each class once, got {twice} twice")


ShiftEntry = DrawnShift | RealShift
"""An entry of `shifts:`; its `kind` says which."""

Shifts = dict[Key, ShiftEntry]
"""The section `shifts:`, by the shifts' names in results."""
