"""ImageNet-Captions (Fang et al. 2022): its JSON of texts beside a folder of ImageNet's images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from stages.datasets.class_folders import ClassFolders
from stages.datasets.photos import Photo
from stages.runtime.errors import InputError


class Entry(msgspec.Struct, frozen=True):
    """One image of `imagenet_captions.json`, with what its author wrote on Flickr."""

    filename: str
    title: str = ""
    tags: list[str] = []
    description: str = ""
    wnid: str | None = None

    @property
    def caption(self) -> str:
        """Title, tags and description in one line, those that there are.

        The paper says that the texts are joined and not how; this is the order of the published
        code that trains on the file.
        """
        return " ".join(" ".join((self.title, *self.tags, self.description)).split())


@dataclass(frozen=True)
class CaptionedImages:
    """The images of class folders that have an entry, with their captions."""

    images: ClassFolders
    entries: Mapping[str, Entry]
    partial: bool

    def survey(self) -> dict[str, int | None]:
        """Return the class of each image that has a caption, by its path."""
        classes = {
            path: class_
            for path, class_ in self.images.survey().items()
            if PurePosixPath(path).name in self.entries
        }
        self._check(classes)
        return classes

    def photos(self, chosen: Mapping[str, int | None]) -> Iterator[Photo]:
        """Yield the chosen images with their captions."""
        for photo in self.images.photos(chosen):
            yield photo._replace(caption=self.entries[PurePosixPath(photo.path).name].caption)

    def _check(self, classes: Mapping[str, int | None]) -> None:
        folders, there = self.images.published.folders, set()
        for path, class_ in classes.items():
            name = PurePosixPath(path).name
            wnid = self.entries[name].wnid
            if wnid is not None and folders.get(wnid) != class_:
                raise InputError(
                    f"{self.images.where}: {path} is of class {class_} and its caption's entry "
                    f"says {wnid}; check that the folder is ImageNet's train set"
                )
            there.add(name)
        missing = self.entries.keys() - there
        if missing and not self.partial:
            raise InputError(
                f"{self.images.where}: an image for each of the {len(self.entries)} captions was "
                f"expected, {len(missing)} are missing, {min(missing)} for one; complete the "
                "folder, or say `partial: true` in params.yaml"
            )


def read_captions(file: Path) -> dict[str, Entry]:
    """Read `imagenet_captions.json`: a list of entries, returned by file name.

    Raises
    ------
    InputError
        There is no such file, it is something else, or it has two texts for one image.
    """
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[Entry])
    except FileNotFoundError as error:
        raise InputError(
            f"{file}: ImageNet-Captions' JSON was expected, there is none; get it from "
            "github.com/mlfoundations/imagenet-captions and check `captions` in params.yaml"
        ) from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{file}: not ImageNet-Captions' JSON ({error}); get it again") from error
    by_name: dict[str, Entry] = {}
    for entry in entries:
        if by_name.setdefault(entry.filename, entry).caption != entry.caption:
            raise InputError(f"{file}: {entry.filename} has two captions; get the file again")
    return by_name
