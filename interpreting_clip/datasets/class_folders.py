"""Images in one folder per class, on disk or in archives, or in ImageNet's flat folder."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from interpreting_clip.datasets.imagenet import PublishedSet
from interpreting_clip.datasets.images import SUFFIXES
from interpreting_clip.datasets.layout import (
    IsWanted,
    OpenedSource,
    SourceImage,
    is_image,
    is_stray,
    source_files,
)

SOLUTION = "LOC_val_solution.csv"
SYNSETS = "imagenet_2012_validation_synset_labels.txt"
ILSVRC_IDS = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
GROUND_TRUTH = (SOLUTION, SYNSETS, ILSVRC_IDS, META)
"""The files that can tell the class of each of ImageNet's validation images."""


def fits(_place: OpenedSource) -> bool:
    """The layout of a source that has no other."""
    return True


def images(place: OpenedSource, wanted: IsWanted) -> Iterator[SourceImage]:
    """Yield the images by the innermost folder that they are in, a flat folder's images last.

    Text files and files of the operating system are ignored, as is everything outside of class
    folders that is not an image.
    """
    known, tables = place.known, dict[str, bytes]()
    flat: dict[str, int] = {}

    def is_read(path: str) -> bool:
        return wanted(path) or PurePosixPath(path).name in GROUND_TRUTH

    for path, read in source_files(place, is_read):
        name, folder = PurePosixPath(path).name, PurePosixPath(path).parent.name
        if name in GROUND_TRUTH:
            tables[name] = read()
        if is_stray(path):
            continue
        if folder in known.folders:
            if not is_image(path):
                raise ValueError(
                    f"{path} lies in a class folder and is not called an image "
                    f"({', '.join(sorted(SUFFIXES))}); remove it"
                )
            yield SourceImage(path, known.folders[folder], read)
        # A flat validation folder needs a set with WordNet ids for all classes; tench is the first.
        elif (number := _validation_number(name)) and "n01440764" in known.folders:
            flat[path] = number
        elif is_image(path) and not known.other_folders:
            raise ValueError(
                f"{path}: the folder {folder!r} is not a class of this set; expected folders such "
                f"as {', '.join(list(known.folders)[:2])}; check `kind`, the folder and, for a "
                "shift of your own, `classes` in params.yaml"
            )
    if flat:
        classes = _flat_classes(flat, tables, known)
        # Again, since the ground truth may come after the images.
        files = source_files(place, lambda path: path in flat and wanted(path))
        yield from (SourceImage(path, classes[path], read) for path, read in files if path in flat)


def _validation_number(name: str) -> int | None:
    """Return the number of a validation image, from 1, or None for any other name."""
    match = re.match(r"^ILSVRC2012_val_(\d{8})\.jpe?g\Z", name, re.IGNORECASE)
    return int(match[1]) if match else None


def _flat_classes(
    numbers: Mapping[str, int], tables: Mapping[str, bytes], known: PublishedSet
) -> dict[str, int]:
    wnids = validation_wnids(tables)
    for path, number in numbers.items():
        if wnids.get(number) not in known.folders:
            raise ValueError(
                f"{path}: expected its class in the ground truth, got "
                f"{wnids.get(number, 'nothing')}; get that file again"
            )
    return {path: known.folders[wnids[number]] for path, number in numbers.items()}


def validation_wnids(tables: Mapping[str, bytes]) -> dict[int, str]:
    """Return the WordNet id of each validation image, by its number, from `GROUND_TRUTH`."""
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
    for row in csv.DictReader(io.StringIO(data.decode(), newline="")):
        number = _validation_number(f"{row.get('ImageId')}.JPEG")
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
    from scipy.io import loadmat

    try:
        synsets = loadmat(io.BytesIO(data), squeeze_me=True)["synsets"]
        rows = zip(synsets["ILSVRC2012_ID"], synsets["WNID"], synsets["num_children"], strict=True)
        return {str(int(id_)): str(wnid) for id_, wnid, children in rows if int(children) == 0}
    except Exception as error:  # scipy raises any exception, depending on the damage
        raise ValueError(
            f"{META}: not the development kit's table `synsets` ({error}); take the file from "
            "ILSVRC2012_devkit_t12.tar.gz again"
        ) from error
