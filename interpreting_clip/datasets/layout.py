"""A source of images on this machine, and what its layouts share.

A layout is a module with `fits` and `images`; `sources.LAYOUTS` lists them.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn, Protocol

from interpreting_clip.datasets.entries import RealSet
from interpreting_clip.datasets.imagenet import PublishedSet
from interpreting_clip.datasets.images import SUFFIXES
from interpreting_clip.downloads.archives import iterate_archive
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import natural_order


class SourceImage(NamedTuple):
    """An image of a source: its path there, its class, its file and its caption.

    Only the file of an image that was asked for can be read, by any thread.
    """

    name: str
    class_: int | None
    read: Callable[[], bytes]
    caption: str | None = None


IsWanted = Callable[[str], bool]
"""Says of an image, by its name, whether it will be read."""


@dataclass(frozen=True)
class OpenedSource:
    """An opened source: a folder of this machine (or a pattern), or files that were downloaded.

    `where` names it in errors. `origin` maps what is read to what identifies its content (see
    `DatasetCard`), or to nothing if only the images themselves identify it. `files` are archives by
    their URLs, or files of a repository by their paths.
    """

    where: str
    origin: dict[str, str]
    folder: Path | None
    files: dict[str, Path]
    entry: RealSet
    known: PublishedSet


class Layout(Protocol):
    """A way in which images and their classes lie in a source."""

    def fits(self, place: OpenedSource, /) -> bool:
        """Say whether a source has this layout; the first that fits reads it."""
        ...

    def images(self, place: OpenedSource, wanted: IsWanted, /) -> Iterator[SourceImage]:
        """Yield all images, in the same order each time; `ValueError` for a wrong layout."""
        ...


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below `root` with their relative paths, sorted with 2 before 10.

    Links to folders are followed.
    """
    passed: set[str] = set()
    # Without `onerror`, os.walk would skip a folder that cannot be listed.
    for directory, inner, names in os.walk(root, onerror=_refuse, followlinks=True):
        folder = os.path.realpath(directory)
        if folder in passed:
            raise InputError(
                f"{directory}: a link to {folder}, which the dataset contains already; remove it"
            )
        passed.add(folder)
        inner.sort(key=natural_order)
        for name in sorted(names, key=natural_order):
            file = Path(directory) / name
            yield file.relative_to(root).as_posix(), file


def source_files(
    place: OpenedSource, wanted: IsWanted
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield all paths below the folder or in the archives, with a reader for the wanted files."""
    if place.folder is not None:
        for path, file in walk(place.folder):
            yield path, file.read_bytes
    for url, archive in place.files.items():
        for path, data in iterate_archive(archive, url, wanted):
            yield path, lambda data=data: data


def _refuse(error: OSError) -> NoReturn:
    raise error


def check_wnids(text: str, class_: int | None, image: str, known: PublishedSet) -> None:
    """Compare an image's class with the WordNet ids in a text, if it has any of the set's."""
    wnids = [wnid for wnid in re.findall(r"n\d{8}", text) if wnid in known.folders]
    if wnids and class_ not in {known.folders[wnid] for wnid in wnids}:
        raise ValueError(
            f"{image}: its label means class {class_}, but its name has {wnids[-1]}; the labels "
            "are numbered differently"
        )


def is_image(path: str) -> bool:
    """Say whether a file is called an image."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def refuse_others(read: Collection[str], there: Iterable[str]) -> None:
    """Refuse images, tars and parquet files that would be left out."""
    others = (name for name in there if name not in read and not is_stray(name))
    other = next((n for n in others if is_image(n) or n.endswith((".tar", ".parquet"))), None)
    if read and other:
        raise ValueError(
            f"expected files of one layout, got both {min(read)} and {other}; move one of them "
            "elsewhere, or read only some, with `files` or a `folder` that ends in `/*.parquet`"
        )


def is_stray(path: str) -> bool:
    """Say whether a file is not part of a dataset: a text, hidden, or left by a system."""
    parts = PurePosixPath(path).parts
    name = parts[-1].lower()
    return (
        name in ("thumbs.db", "desktop.ini")
        or any(part.startswith(".") or part == "__MACOSX" for part in parts)
        or name.startswith("readme")
        or name.endswith((".txt", ".md"))
    )
