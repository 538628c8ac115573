"""ImageNet-Captions (Fang et al. 2022): its JSON of texts beside a folder of ImageNet's images."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import msgspec

from interpreting_clip.datasets.imagenet import PublishedSet
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
    """Read `imagenet_captions.json`, a list of entries; return them by file name.

    Raises
    ------
    InputError
        There is no such file, it is another kind of file, or it has two texts for one image.
    """
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


def image_captions(
    classes: Mapping[str, int | None],
    entries: Mapping[str, Entry],
    published: PublishedSet,
    *,
    partial: bool,
) -> dict[str, str]:
    """Return the captions of those images of class folders that have one.

    Parameters
    ----------
    classes : the class of each image, by its path
    entries : ImageNet-Captions, by file name
    published : ImageNet
    partial : whether entries without an image are accepted

    Raises
    ------
    ValueError
        An entry names another class than the image's folder, or has no image although the set is
        not `partial`.
    """
    captions: dict[str, str] = {}
    missing = set(entries)
    for path, class_ in classes.items():
        name = PurePosixPath(path).name
        if name not in entries:
            continue
        wnid = entries[name].wnid
        if wnid is not None and published.folders.get(wnid) != class_:
            raise ValueError(
                f"{path} is of class {class_}, but its caption's entry has {wnid}; "
                "check that the folder is ImageNet's train set"
            )
        captions[path] = entries[name].caption
        missing.discard(name)
    if missing and not partial:
        raise ValueError(
            f"{len(missing)} of {len(entries)} captions have no image, {min(missing)} for example; "
            "complete the folder, or set `partial: true` in params.yaml"
        )
    return captions
