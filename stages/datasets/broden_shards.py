"""Broden1's own files in tar shards: the tables first, then each image with its label maps."""

from collections.abc import Iterable
from pathlib import Path

from stages.datasets.archive import ArchiveWriter

File = tuple[str, bytes]
"""A path in the dataset and what stands there."""


class BrodenShards:
    """Writes the files of image after image into shards of `images_per_shard` images."""

    def __init__(self, directory: Path, images_per_shard: int) -> None:
        self._directory, self._images_per_shard = directory, images_per_shard
        self._shard: ArchiveWriter | None = None
        self.images = 0
        self.shards: dict[str, str] = {}

    def __enter__(self) -> "BrodenShards":
        """Open for `add_tables` and `add_image`."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """Close the last shard; `shards` then holds the SHA-256 of each."""
        self._close(whole=kind is None)

    def add_tables(self, files: Iterable[File]) -> None:
        """Append the tables, before any image."""
        self._append(files)

    def add_image(self, files: Iterable[File]) -> None:
        """Append an image and its label maps."""
        if self.images and self.images % self._images_per_shard == 0:
            self._close(whole=True)
        self._append(files)
        self.images += 1

    def _append(self, files: Iterable[File]) -> None:
        shard = self._shard or ArchiveWriter(self._directory / self._name())
        self._shard = shard
        for name, data in files:
            shard.add(name, data)

    def _name(self) -> str:
        return f"shard-{len(self.shards):05d}.tar"

    def _close(self, *, whole: bool) -> None:
        if self._shard is not None:
            self._shard.close(whole=whole)
            self.shards[self._name()] = self._shard.sha256
            self._shard = None
