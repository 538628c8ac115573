"""Images in one folder per class, on disk or in archives, or in ImageNet's flat folder.

A source is a function that lists files. It is called twice: `folder_classes` goes through all
paths, without reading an image, and returns the class of each image; the chosen images are read
later.
"""

import csv
import io
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, NoReturn

import msgspec

from interpreting_clip.datasets.imagenet import PublishedSet
from interpreting_clip.datasets.images import SUFFIXES
from interpreting_clip.downloads.archives import iterate_archive
from interpreting_clip.errors import DAMAGED_JSON, InputError
from interpreting_clip.formats.files import natural_order


class File(NamedTuple):
    """A file of a source: its path in the source, and how to get its bytes."""

    path: str
    read: Callable[[], bytes]


Files = Callable[[Callable[[str], bool]], Iterable[File]]
"""The files of a source that are wanted, with their paths, in a fixed order.

The argument is called with each path and says whether the file is wanted; if it wants none, it has
still seen all paths.
"""


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below `root` with their relative paths, sorted with 2 before 10.

    Links to folders are followed.

    Raises
    ------
    InputError
        A link leads to a folder that is visited anyway, or that contains `root`: the walk might
        never end, and images would come twice.
    OSError
        A folder cannot be listed, which os.walk would skip.
    """
    above = {_identity(folder) for folder in root.resolve().parents}
    passed: set[tuple[int, int]] = set()
    for directory, inner, names in os.walk(root, onerror=_refuse, followlinks=True):
        folder = _identity(Path(directory))
        if folder in above | passed:
            raise InputError(
                f"{directory}: a link to {Path(directory).resolve()}, which the dataset contains "
                "already or lies in; remove it"
            )
        passed.add(folder)
        inner.sort(key=natural_order)
        for name in sorted(names, key=natural_order):
            file = Path(directory) / name
            yield file.relative_to(root).as_posix(), file


def _refuse(error: OSError) -> NoReturn:
    raise error


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def folder_files(root: Path) -> Files:
    """Return the files below `root`, in the order of `walk`."""
    return lambda wanted: (File(path, file.read_bytes) for path, file in walk(root) if wanted(path))


def archive_files(archives: Mapping[str, Path]) -> Files:
    """Return the files of several archives, given by URL, in that order."""

    def files(wanted: Callable[[str], bool]) -> Iterator[File]:
        for url, archive in archives.items():
            for path, data in iterate_archive(archive, url, wanted):
                yield File(path, lambda data=data: data)

    return files


SYSTEM_FILES = {".ds_store", "thumbs.db", "desktop.ini"}
"""Files that operating systems leave in folders."""

SOLUTION = "LOC_val_solution.csv"
SYNSETS = "imagenet_2012_validation_synset_labels.txt"
ILSVRC_IDS = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
GROUND_TRUTH = (SOLUTION, SYNSETS, ILSVRC_IDS, META)
"""The files that can tell the class of each of ImageNet's validation images."""

FOLDERS = "folder_to_objectnet_label.json"
CLASSES = "objectnet_to_imagenet_1k.json"
"""The files that say which folder is which ObjectNet class, and which of these ImageNet has."""


def folder_classes(files: Files, published: PublishedSet) -> dict[str, int]:
    """Return the class of each image of a source, by its path.

    Raises
    ------
    ValueError
        As `classify` and, for ObjectNet, `check_mappings`.
    """
    paths: list[str] = []

    def is_table(path: str) -> bool:
        paths.append(path)
        return PurePosixPath(path).name in (*GROUND_TRUTH, FOLDERS, CLASSES)

    tables = {PurePosixPath(file.path).name: file.read() for file in files(is_table)}
    if published.other_folders:
        check_mappings(tables, published)
    return classify(paths, tables, published)


def classify(
    paths: Iterable[str], tables: Mapping[str, bytes], published: PublishedSet
) -> dict[str, int]:
    """Return the class of each image among `paths`, from the folder that it is in.

    Only the innermost folder counts, so it does not matter which folders an archive has above it.
    Text files and files of the operating system are ignored, as is everything outside of class
    folders that is not an image. Images of a flat validation folder get their class from one of
    `tables`.

    Raises
    ------
    ValueError
        An image is in a folder that is not a class of the set, a class folder holds something other
        than images, a path comes twice, or the classes of a flat validation folder are unknown.
    """
    classes: dict[str, int] = {}
    numbers: dict[str, int] = {}
    for path in paths:
        folder, name = PurePosixPath(path).parent.name, PurePosixPath(path).name
        is_image, number = PurePosixPath(name).suffix.lower() in SUFFIXES, validation_number(name)
        if path in classes or path in numbers:
            raise ValueError(f"{path} is there twice; pack or download it again")
        if is_stray(path):
            continue
        if folder in published.folders:
            if not is_image:
                raise ValueError(
                    f"{path} lies in a class folder and is not called an image "
                    f"({', '.join(sorted(SUFFIXES))}); remove it"
                )
            classes[path] = published.folders[folder]
        # A flat validation folder needs a set with WordNet ids for all classes; tench is the first.
        elif number is not None and "n01440764" in published.folders:
            numbers[path] = number
        elif is_image and not published.other_folders:
            raise ValueError(
                f"{path}: the folder {folder!r} is not a class of this set; expected folders such "
                f"as {', '.join(list(published.folders)[:2])}; check `kind`, the folder and, for a "
                "shift of your own, `classes` in params.yaml"
            )
    wnids = validation_wnids(tables) if numbers else {}
    for path, number in numbers.items():
        if wnids.get(number) not in published.folders:
            raise ValueError(
                f"{path}: expected its class in the ground truth, got "
                f"{wnids.get(number, 'nothing')}; get that file again"
            )
        classes[path] = published.folders[wnids[number]]
    return classes


def is_stray(path: str) -> bool:
    """Say whether a file is not part of a dataset: a text, or left by an operating system."""
    parts = PurePosixPath(path).parts
    name = parts[-1].lower()
    return (
        name in SYSTEM_FILES
        or any(part.startswith("._") or part == "__MACOSX" for part in parts)
        or name.startswith("readme")
        or name.endswith((".txt", ".md"))
    )


def validation_number(name: str) -> int | None:
    """Return the number of a validation image, from 1, or None if the name is not one."""
    match = re.match(r"^ILSVRC2012_val_(\d{8})\.jpe?g\Z", name, re.IGNORECASE)
    return int(match[1]) if match else None


def validation_wnids(tables: Mapping[str, bytes]) -> dict[int, str]:
    """Return the WordNet id of each validation image, by its number.

    Parameters
    ----------
    tables : the files of `GROUND_TRUTH` that are beside the images

    Raises
    ------
    ValueError
        None of the files is there, ILSVRC ids come without `meta.mat`, or a file is not what its
        name says.
    """
    if SOLUTION in tables:
        return _solution(tables[SOLUTION])
    if SYNSETS in tables:
        return dict(enumerate(tables[SYNSETS].decode().split(), 1))
    if ILSVRC_IDS in tables and META in tables:
        wnids = _meta(tables[META])
        ids = tables[ILSVRC_IDS].decode().split()
        if unknown := [id_ for id_ in ids if id_ not in wnids]:
            raise ValueError(
                f"{ILSVRC_IDS} holds {unknown[0]!r}, which is none of the ids of {META}; "
                "take both from the same development kit"
            )
        return {number: wnids[id_] for number, id_ in enumerate(ids, 1)}
    lacks = f"{ILSVRC_IDS} without its {META}" if ILSVRC_IDS in tables else "none"
    raise ValueError(
        f"validation images in one folder need a file that says their classes: {SOLUTION}"
        f" (Kaggle), {SYNSETS}, or {ILSVRC_IDS} with {META} (the development kit), in that folder "
        f"or below; there is {lacks}"
    )


def _solution(data: bytes) -> dict[int, str]:
    wnids = {}
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    except csv.Error as error:
        raise ValueError(f"{SOLUTION}: no table ({error}); take it from Kaggle again") from error
    for row in rows:
        number = validation_number(f"{row.get('ImageId')}.JPEG")
        words = (row.get("PredictionString") or "").split()
        if number is None or not words:
            raise ValueError(
                f"{SOLUTION}: expected the columns ImageId (ILSVRC2012_val_…) and PredictionString "
                f"(a WordNet id first), got {row}; take it from Kaggle again"
            )
        wnids[number] = words[0]
    return wnids


def _meta(data: bytes) -> dict[str, str]:
    """ILSVRC id -> WordNet id of the 1,000 synsets that have no children."""
    try:
        # A damaged file can crash the process of scipy's reader, so the reader has its own process.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(_synsets, data).result()
    except Exception as error:  # or it raises any exception, depending on the damage
        raise ValueError(
            f"{META}: not the development kit's table `synsets` ({error}); take the file from "
            "ILSVRC2012_devkit_t12.tar.gz again"
        ) from error


def _synsets(data: bytes) -> dict[str, str]:
    from scipy.io import loadmat

    warnings.simplefilter("ignore")  # this runs in a process that makes only this call
    synsets = loadmat(io.BytesIO(data), squeeze_me=True)["synsets"]
    rows = zip(synsets["ILSVRC2012_ID"], synsets["WNID"], synsets["num_children"], strict=True)
    return {str(int(id_)): str(wnid) for id_, wnid, children in rows if int(children) == 0}


def check_mappings(tables: Mapping[str, bytes], published: PublishedSet) -> None:
    """Refuse a copy of ObjectNet whose mappings differ from the published ones.

    Raises
    ------
    ValueError
        A mapping is unreadable, lacks a folder, or names other classes.
    """
    labels = dict(zip(sorted(published.folders), published.names, strict=True))
    for table in (FOLDERS, CLASSES):
        if table not in tables:
            continue
        try:
            found = msgspec.json.decode(tables[table], type=dict[str, Any])
        except DAMAGED_JSON as error:
            raise ValueError(
                f"{table}: not ObjectNet's mapping ({error}); unpack it again"
            ) from error
        if table == FOLDERS:
            wrong = [folder for folder, label in labels.items() if found.get(folder) != label]
        else:
            wrong = sorted(found.keys() ^ set(labels.values()))
        if wrong:
            raise ValueError(
                f"{table}: differs from ObjectNet's published mapping in {', '.join(wrong[:3])}; "
                "unpack ObjectNet 1.0 again"
            )
