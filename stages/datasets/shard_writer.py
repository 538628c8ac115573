"""Writes labelled and captioned images into tar shards, in the layout that `shards.py` reads."""

from pathlib import Path

from stages.datasets.archive import ArchiveWriter
from stages.datasets.images import EXTENSIONS, image_extension


class ShardWriter:
    """Writes images one by one into shards of `images_per_shard`, the same bytes every time."""

    def __init__(self, directory: Path, images_per_shard: int) -> None:
        self._directory, self._images_per_shard = directory, images_per_shard
        self._shard: ArchiveWriter | None = None
        self.images = 0
        self.shards: dict[str, str] = {}

    def __enter__(self) -> "ShardWriter":
        """Open for `add`."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """Close the last shard; `shards` then holds the SHA-256 of each."""
        self._close(whole=kind is None)

    def add(self, image: bytes, class_: int | None, caption: str | None) -> None:
        """Append an image as it is, its class index and its caption, those that the set has.

        Raises
        ------
        ValueError
            The bytes are no image of a kind that datasets hold.
        """
        extension = image_extension(image)
        if extension is None:
            raise ValueError(f"image {self.images}: expected one of {', '.join(EXTENSIONS)}")
        if self._shard is None or self.images % self._images_per_shard == 0:
            self._close(whole=True)
            self._shard = ArchiveWriter(self._directory / self._name())
        key = f"{self.images:08d}"
        members = {extension: image}
        if class_ is not None:
            members["cls"] = b"%d" % class_
        if caption is not None:
            members["txt"] = caption.encode()
        for kind in sorted(members):
            self._shard.add(f"{key}.{kind}", members[kind])
        self.images += 1

    def _name(self) -> str:
        return f"shard-{len(self.shards):05d}.tar"

    def _close(self, *, whole: bool) -> None:
        if self._shard is not None:
            self._shard.close(whole=whole)
            self.shards[self._name()] = self._shard.sha256
            self._shard = None
