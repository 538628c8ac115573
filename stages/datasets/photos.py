"""What every source of real images gives: files, and photographs with a class or a caption."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from stages.datasets.imagenet import PublishedSet


class File(NamedTuple):
    """A file of a source: its path there, and how to get its bytes."""

    path: str
    read: Callable[[], bytes]


Files = Callable[[Callable[[str], bool]], Iterable[File]]
"""A source's files that are wanted, by their paths, in an order that is always the same.

The argument is asked about each file's path in turn, so a walk that wants none lists all paths.
"""


class Photo(NamedTuple):
    """One image of a source."""

    path: str
    read: Callable[[], bytes]
    class_: int | None
    caption: str | None


@runtime_checkable
class Photos(Protocol):
    """A source of images: first looked through, then read."""

    def survey(self) -> dict[str, int | None]:
        """Return all images by their path, each with its class (None: it has none)."""
        ...

    def photos(self, chosen: Mapping[str, int | None]) -> Iterator[Photo]:
        """Yield the images that were chosen of the survey, in the order of the source."""
        ...


@dataclass(frozen=True)
class Source:
    """An opened source.

    `where` names it in errors. `origin` maps what is read to what identifies its content (see
    `DatasetCard`), or to nothing where only the images themselves can tell. `published` is what is
    known of the set; None where its images have no classes.
    """

    photos: Photos
    where: str
    origin: dict[str, str]
    published: PublishedSet | None
