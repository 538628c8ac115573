"""ImageNet-Captions (Fang et al. 2022): its JSON of texts with a folder of ImageNet's images."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import msgspec

from interpreting_clip.datasets.layout import OpenedSource, SourceImage
from interpreting_clip.errors import DAMAGED_JSON, InputError


class Entry(msgspec.Struct, frozen=True):
    """One image of `imagenet_captions.json`, with what its author wrote on Flickr."""

    filename: str
    title: str = ""
    tags: list[str] = []
    description: str = ""
    wnid: str | None = None

    @property
    def caption(self) -> str:
        """Title, tags and description in one line, as far as they exist.

        The paper says that the texts are joined, but not how; this is the order of the published
        code that trains on the file.
        """
        return " ".join(" ".join((self.title, *self.tags, self.description)).split())


def read_captions(file: Path) -> dict[str, Entry]:
    """Read `imagenet_captions.json`, a list of entries; return them by file name."""
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[Entry])
    except FileNotFoundError as error:
        raise InputError(
            f"{file}: no such file; get ImageNet-Captions' JSON from "
            "github.com/mlfoundations/imagenet-captions and check `captions` in params.yaml"
        ) from error
    except DAMAGED_JSON as error:
        raise InputError(f"{file}: not ImageNet-Captions' JSON ({error}); get it again") from error
    by_name: dict[str, Entry] = {}
    for entry in entries:
        if by_name.setdefault(entry.filename, entry).caption != entry.caption:
            raise InputError(f"{file}: {entry.filename} has two captions; get the file again")
    return by_name


def captioned(
    images: Iterable[SourceImage], entries: Mapping[str, Entry], place: OpenedSource
) -> Iterator[SourceImage]:
    """Yield the images of ImageNet that have a caption, with it."""
    missing = set(entries)
    for image in images:
        file = PurePosixPath(image.name).name
        if file not in entries:
            continue
        wnid = entries[file].wnid
        if wnid is not None and place.known.folders.get(wnid) != image.class_:
            raise ValueError(
                f"{image.name} is of class {image.class_}, but its caption's entry has {wnid}; "
                "check that the folder is ImageNet's train set"
            )
        missing.discard(file)
        yield image._replace(caption=entries[file].caption)
    if missing and not place.entry.partial:
        raise ValueError(
            f"{len(missing)} of {len(entries)} captions have no image, {min(missing)} for example; "
            "complete the folder, or set `partial: true` in params.yaml"
        )
