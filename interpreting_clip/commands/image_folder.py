"""A folder of images, or of a folder for each class, as the command `extract` reads it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int, UInt8

from interpreting_clip.datasets.images import SUFFIXES, decode_image
from interpreting_clip.datasets.layout import is_image, is_stray, walk
from interpreting_clip.encoders.class_names import class_names, imagenet_folders
from interpreting_clip.errors import InputError, listed
from interpreting_clip.measures.effective_robustness import IMAGENET
from interpreting_clip.quantities import KEY
from interpreting_clip.statistics.own_models import ORIGINAL


@dataclass(frozen=True)
class ImageFolder:
    """The images below a folder, an `ImageDataset`.

    Attributes
    ----------
    names : their paths below the folder, 2 before 10
    class_folders : the folders that they lie in, in the same order; none if there are no classes
    ignored : other files
    """

    root: Path
    names: list[str]
    class_folders: list[str]
    ignored: list[str]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.names)

    def __getitem__(self, image: int) -> UInt8[np.ndarray, "height width 3"]:
        """Decode one image with Pillow, which refuses every damaged one."""
        file = self.root / self.names[image]
        return decode_image(file.read_bytes(), str(file))

    @cached_property
    def imagenet(self) -> list[str]:
        """The names of ImageNet's 1,000 class folders, if these are among them; or none."""
        return imagenet_folders(self.class_folders)

    @property
    def numbered_folders(self) -> list[str]:
        """The class folders in the order of the classes' numbers: all of ImageNet's, or its own."""
        return self.imagenet or self.class_folders

    @property
    def classes(self) -> Int[np.ndarray, " image"]:
        """The class of each image: ImageNet's number, or the position of its folder."""
        return self.classes_among(self.numbered_folders)

    def classes_among(self, folders: list[str]) -> Int[np.ndarray, " image"]:
        """Return the class of each image: the position of its folder among `folders`."""
        number = {name: index for index, name in enumerate(folders)}
        return np.array([number[class_folder(name)] for name in self.names], np.int64)

    @property
    def class_names(self) -> list[str]:
        """The names of the classes: open_clip's for ImageNet's classes, or the folders' names."""
        return class_names(self.numbered_folders)


def read_folder(root: Path) -> ImageFolder:
    """List the images below a folder; hidden files and texts do not count.

    If all of them lie in folders, the first folder on the way to an image is its class, as with
    torchvision's `ImageFolder`.

    Raises
    ------
    InputError
        There is no such folder, no image in it or in the folder of a class, or some images lie in
        folders and others next to these.
    """
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of images, got no folder of this name")
    names, ignored = [], []
    for path, _ in walk(root):
        if is_hidden(path):
            continue
        (names if is_image(path) else ignored).append(path)
    kinds = ", ".join(sorted(SUFFIXES))
    if not names:
        raise InputError(f"{root}: expected images ({kinds}), found none")
    inside = [name for name in names if class_folder(name)]
    if not inside:
        return ImageFolder(root, names, [], ignored)
    if len(inside) < len(names):
        beside = next(name for name in names if not class_folder(name))
        raise InputError(
            f"{root}: {beside} lies beside the folders, {inside[0]} in one; expected all images in "
            "class folders, or none"
        )
    found = list(dict.fromkeys(map(class_folder, inside)))
    folders = {path.name for path in root.iterdir() if path.is_dir()} - {*found}
    if empty := sorted(name for name in folders if not is_hidden(f"{name}/image")):
        raise InputError(
            f"{root / empty[0]}: expected images ({kinds}) of this class, found none; remove the "
            "folder or add its images, for classes are numbered in the order of their folders"
        )
    return ImageFolder(root, names, found, ignored)


def read_shifts(given: Sequence[str], images: ImageFolder) -> dict[str, ImageFolder]:
    """List the images of shifts, by the names in NAME=FOLDER; their classes are those of `images`.

    Raises
    ------
    InputError
        A name is not a key of a study or comes twice; a folder is refused by `read_folder`, or has
        no class folders or others than those of `images`.
    """
    shifts: dict[str, ImageFolder] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not (equals and folder and re.fullmatch(KEY, name)) or name in shifts:
            why = "each name once" if name in shifts else "its name in a-z, 0-9 and _"
            raise InputError(
                f"--shift {text}: expected NAME=FOLDER, such as blur=photos_blur, {why}"
            )
        if name in (ORIGINAL, IMAGENET):
            raise InputError(
                f"--shift {text}: {name} is the name of the unchanged images; choose another one"
            )
        shift = shifts[name] = read_folder(Path(folder))
        if not images.class_folders:
            raise InputError(
                f"{images.root}: --shift {name} needs a folder for each class of the images here, "
                "got images without class folders"
            )
        expected = listed(images.class_folders, 3)
        if not shift.class_folders:
            raise InputError(
                f"{shift.root}: --shift {name}: expected the class folders of {images.root} "
                f"({expected}), got images without class folders"
            )
        known = {*images.numbered_folders}
        if unknown := [one for one in shift.class_folders if one not in known]:
            raise InputError(
                f"{shift.root}: --shift {name}: expected class folders that {images.root} has "
                f"({expected}), got {listed(unknown, 3)}; rename or remove them"
            )
    return shifts


def is_hidden(path: str) -> bool:
    """Return whether a file does not count: it is hidden, a text, or an operating system's."""
    return is_stray(path) or any(part.startswith(".") for part in PurePosixPath(path).parts)


def class_folder(path: str) -> str:
    """Return the first folder of a path, nothing if it has none."""
    return path.rpartition("/")[0].partition("/")[0]
