"""What a study's datasets and weights are taken from: each a place that can be reached, or not."""

from dataclasses import dataclass
from typing import Literal

from stages.datasets.entries import ImageNetCaptions, RealSet
from stages.settings.datasets import DatasetEntry


@dataclass(frozen=True)
class Repository:
    """Files of a repository on the Hugging Face hub: those of the first pattern with a match."""

    name: str
    revision: str
    patterns: tuple[str, ...]
    kind: Literal["dataset", "model"]

    def __str__(self) -> str:
        """Return the repository as a reader knows it."""
        return self.name


@dataclass(frozen=True)
class Url:
    """A file by its URL."""

    address: str

    def __str__(self) -> str:
        """Return the URL without its scheme."""
        return self.address.partition("://")[2]


@dataclass(frozen=True)
class Folder:
    """A file or folder on this machine."""

    path: str

    def __str__(self) -> str:
        """Return the path."""
        return self.path


Location = Repository | Url | Folder


def dataset_locations(entry: DatasetEntry) -> list[Location]:
    """Return the places of a dataset; one that is drawn or absent has none."""
    if not isinstance(entry, RealSet):
        return []
    if entry.hub is not None:
        hub = entry.hub
        return [Repository(hub.repository, hub.revision, (hub.files,), "dataset")]
    if entry.archive is not None:
        return [Url(archive.url) for archive in entry.archive]
    captions = [Folder(entry.captions)] if isinstance(entry, ImageNetCaptions) else []
    return [*([] if entry.folder is None else [Folder(entry.folder)]), *captions]
