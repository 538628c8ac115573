"""Images that lie in one folder per class, on disk or in archives."""

import csv
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import msgspec

from stages.datasets.imagenet import PublishedSet
from stages.datasets.photos import Files, Photo
from stages.runtime.errors import InputError

SOLUTION = "LOC_val_solution.csv"
SYNSETS = "imagenet_2012_validation_synset_labels.txt"
ILSVRC_IDS = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
TRUTH_FILES = (SOLUTION, SYNSETS, ILSVRC_IDS, META)
"""The files that may say which class a validation image has."""

_DAMAGES = (OSError, ValueError, KeyError, IndexError, TypeError)
_IMAGE = re.compile(r"^ILSVRC2012_val_(\d{8})\.jpe?g\Z", re.IGNORECASE)


def validation_number(name: str) -> int | None:
    """Return the number of a validation image, from 1, or None where the name is no such image."""
    match = _IMAGE.match(name)
    return int(match[1]) if match else None


def validation_wnids(found: Mapping[str, bytes], where: str) -> dict[int, str]:
    """Return the WordNet id of each validation image, by its number.

    Parameters
    ----------
    found : those of `TRUTH_FILES` that lie beside the images
    where : the images' folder or archive, for errors

    Raises
    ------
    InputError
        None of the files is there, the ILSVRC ids come without their `meta.mat`, or a file is not
        what its name says.
    """
    if SOLUTION in found:
        return _solution(found[SOLUTION], f"{where}: {SOLUTION}")
    if SYNSETS in found:
        return dict(enumerate(found[SYNSETS].decode().split(), 1))
    if ILSVRC_IDS in found and META in found:
        wnids = _meta(found[META], f"{where}: {META}")
        ids = found[ILSVRC_IDS].decode().split()
        return {number: _wnid(wnids, id_, where) for number, id_ in enumerate(ids, 1)}
    lacks = f"{ILSVRC_IDS} without its {META}" if ILSVRC_IDS in found else "none"
    raise InputError(
        f"{where}: validation images in one folder need a file that says their classes: {SOLUTION}"
        f" (Kaggle), {SYNSETS}, or {ILSVRC_IDS} with {META} (the development kit), in that folder "
        f"or below; there is {lacks}"
    )


def _solution(data: bytes, where: str) -> dict[int, str]:
    rows = csv.DictReader(io.StringIO(data.decode(), newline=""))
    wnids = {}
    for row in rows:
        number = validation_number(f"{row.get('ImageId')}.JPEG")
        words = (row.get("PredictionString") or "").split()
        if number is None or not words:
            raise InputError(
                f"{where}: expected the columns ImageId (ILSVRC2012_val_…) and PredictionString "
                f"(a WordNet id first), got {row}; take it from Kaggle again"
            )
        wnids[number] = words[0]
    return wnids


def _meta(data: bytes, where: str) -> dict[str, str]:
    """ILSVRC id -> WordNet id of the 1,000 synsets that have no children."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        synsets = loadmat(io.BytesIO(data), squeeze_me=True)["synsets"]
        rows = zip(synsets["ILSVRC2012_ID"], synsets["WNID"], synsets["num_children"], strict=True)
        return {str(int(id_)): str(wnid) for id_, wnid, children in rows if int(children) == 0}
    except (MatReadError, NotImplementedError, zlib.error, *_DAMAGES) as error:
        raise InputError(
            f"{where}: the table `synsets` of the development kit was expected ({error}); take the "
            "file from ILSVRC2012_devkit_t12.tar.gz again"
        ) from error


def _wnid(wnids: Mapping[str, str], id_: str, where: str) -> str:
    if id_ not in wnids:
        raise InputError(
            f"{where}: {ILSVRC_IDS} holds {id_!r}, which is none of the ids of {META}; take both "
            "from the same development kit"
        )
    return wnids[id_]


FOLDERS = "folder_to_objectnet_label.json"
CLASSES = "objectnet_to_imagenet_1k.json"
MAPPINGS = (FOLDERS, CLASSES)
"""The files that say which folder is which ObjectNet class, and which of these ImageNet has."""


def check_mappings(found: Mapping[str, bytes], published: PublishedSet, where: str) -> None:
    """Refuse a copy of ObjectNet whose mappings say something else than the published ones.

    Raises
    ------
    InputError
        A mapping is unreadable, lacks a folder, or names other classes.
    """
    labels = dict(zip(sorted(published.folders), published.names, strict=True))
    if FOLDERS in found:
        folders = _read(found[FOLDERS], f"{where}: {FOLDERS}")
        wrong = [folder for folder, label in labels.items() if folders.get(folder) != label]
        if wrong:
            raise _other(f"{where}: {FOLDERS}", wrong)
    if CLASSES in found:
        classes = _read(found[CLASSES], f"{where}: {CLASSES}")
        wrong = sorted(classes.keys() ^ set(labels.values()))
        if wrong:
            raise _other(f"{where}: {CLASSES}", wrong)


def _read(data: bytes, where: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InputError(f"{where}: not ObjectNet's mapping ({error}); unpack it again") from error


def _other(where: str, wrong: list[str]) -> InputError:
    return InputError(
        f"{where}: ObjectNet's published mapping was expected, it differs in {', '.join(wrong[:3])}"
        "; unpack ObjectNet 1.0 again"
    )


IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
"""The endings of image files; what a file really is, its content says."""

STRAYS = {".ds_store", "thumbs.db", "desktop.ini"}
"""Files that systems leave in folders."""


@dataclass(frozen=True)
class ClassFolders:
    """A source whose files lie in class folders, or as ImageNet's flat validation folder."""

    files: Files
    published: PublishedSet
    where: str

    def survey(self) -> dict[str, int | None]:
        """Return the class of each image, by its path."""
        paths = []

        def is_beside(path: str) -> bool:
            paths.append(path)
            return PurePosixPath(path).name in (*TRUTH_FILES, *MAPPINGS)

        beside = {PurePosixPath(file.path).name: file.read() for file in self.files(is_beside)}
        if self.published.other_folders:
            check_mappings(beside, self.published, self.where)
        return dict(classify(paths, beside, self.published, self.where))

    def photos(self, chosen: Mapping[str, int | None]) -> Iterator[Photo]:
        """Yield the chosen images."""
        for path, read in self.files(chosen.__contains__):
            yield Photo(path, read, chosen[path], None)


def classify(
    paths: Iterable[str], truth: Mapping[str, bytes], published: PublishedSet, where: str
) -> dict[str, int]:
    """Return the class of each image among `paths`, from the folder that it lies in.

    Only the innermost folder counts, so it does not matter what an archive puts above. What
    systems leave behind, and texts, are passed over; files outside of class folders too, unless
    they are images.

    Raises
    ------
    InputError
        An image lies in a folder that is no class of the set, a class folder holds something other
        than images, a path comes twice, or the classes of a flat validation folder are unknown.
    """
    classes: dict[str, int] = {}
    flat: dict[str, int] = {}
    for path in paths:
        if path in classes or path in flat:
            raise InputError(f"{where}: {path} is there twice; pack or download it again")
        name, folder = PurePosixPath(path).name, PurePosixPath(path).parent.name
        if is_stray(path):
            continue
        number = validation_number(name)
        if folder in published.folders:
            require_image(name, path, where)
            classes[path] = published.folders[folder]
        elif number is not None and "n01440764" in published.folders:
            flat[path] = number
        elif PurePosixPath(name).suffix.lower() in IMAGES and not published.other_folders:
            raise InputError(
                f"{where}: {path} lies in the folder {folder!r}, which is no class of this set: "
                f"folders such as {', '.join(list(published.folders)[:2])} were expected; check "
                "`kind` and the folder in params.yaml"
            )
    return classes | (_flat(flat, truth, published, where) if flat else {})


def is_stray(path: str) -> bool:
    """Say whether a file is none of a dataset's: a system's own, or a text about it."""
    parts = PurePosixPath(path).parts
    name = parts[-1].lower()
    return (
        name in STRAYS
        or any(part.startswith("._") or part == "__MACOSX" for part in parts)
        or name.startswith("readme")
        or name.endswith((".txt", ".md"))
    )


def require_image(name: str, path: str, where: str) -> None:
    """Refuse a file of a class folder that is not called an image."""
    if PurePosixPath(name).suffix.lower() not in IMAGES:
        raise InputError(
            f"{where}: {path} lies in a class folder and is not called an image "
            f"({', '.join(sorted(IMAGES))}); remove it"
        )


def _flat(
    numbers: Mapping[str, int], truth: Mapping[str, bytes], published: PublishedSet, where: str
) -> dict[str, int]:
    wnids = validation_wnids(truth, where)
    classes = {}
    for path, number in numbers.items():
        if wnids.get(number) not in published.folders:
            raise InputError(
                f"{where}: the class of {path} was expected in its ground truth, "
                f"{wnids.get(number, 'nothing')} is there; get that file again"
            )
        classes[path] = published.folders[wnids[number]]
    return classes
