"""Writes COCO's images and objects (Lin et al., ECCV 2014) as a probe set in Broden's layout.

An `instances_*.json` lists images, categories and annotations; each annotation is one object in an
image, with a box and a segmentation (cocodataset.org/#format-data). Whatever is annotated with
`iscrowd` counts like any other object: the image shows it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec
import numpy as np
from jaxtyping import Bool
from msgspec import Meta

from interpreting_clip.datasets.broden.labels import LabelMap
from interpreting_clip.datasets.broden.reader import Concept
from interpreting_clip.datasets.broden.writer import Segmented, broden_files, digested
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.entries import CocoEntry, Shards
from interpreting_clip.datasets.images import decode_image
from interpreting_clip.datasets.layout import OpenedSource, is_stray, source_files
from interpreting_clip.datasets.tar import write_shards
from interpreting_clip.errors import DAMAGED_JSON, InputError, error_context
from interpreting_clip.quantities import Natural

LICENCE = (
    "as its annotations state; COCO's own annotations are CC BY 4.0, and each photograph has a "
    "licence of its own"
)

BLOCK = 64
"""How many images are in memory at a time."""

Mask = Bool[np.ndarray, "height width"]

Side = Annotated[float, Meta(ge=0)]


class RunLengths(msgspec.Struct, frozen=True):
    """A mask of height × width pixels, column by column: lengths of runs of 0 and 1 in turn."""

    size: tuple[Natural, Natural]
    counts: list[Natural] | str


class Annotation(msgspec.Struct, frozen=True):
    """An object: its box is x, y, width and height in pixels, and a polygon x, y, x, y, … of it."""

    image_id: int
    category_id: int
    bbox: tuple[float, float, Side, Side]
    segmentation: list[list[float]] | RunLengths | None = None


class Category(msgspec.Struct, frozen=True):
    """A kind of object; a label map has 16 bits for its number, and 0 stands for no label."""

    id: Annotated[int, Meta(ge=1, le=65535)]
    name: str


class ListedImage(msgspec.Struct, frozen=True):
    """An image, whose file may lie in any folder."""

    id: int
    file_name: str
    height: int
    width: int


class Instances(msgspec.Struct, frozen=True):
    """The content of an `instances_*.json`."""

    images: list[ListedImage]
    annotations: list[Annotation]
    categories: list[Category]


def write_coco(
    key: str,
    entry: CocoEntry,
    place: OpenedSource,
    shards: Shards,
    directory: Path,
    *,
    workers: int,
) -> None:
    """Write COCO's images, unchanged, and the objects in them into the folder `directory`.

    All images that the annotations list are taken, also those without an object. A `limit` takes
    the images whose names have the smallest SHA-256. Concepts have COCO's category ids as numbers.
    """
    instances, paths = _read_source(entry, place)
    kept = sorted(paths, key=lambda name: hashlib.sha256(name.encode()).digest())[: entry.limit]
    images = _segmented({paths[name] for name in kept}, instances, place, entry, workers)
    concepts = [Concept(one.id, one.name, "object") for one in instances.categories]
    digest = hashlib.sha256()
    files = digested(broden_files(images, concepts, "coco"), digest)
    written = write_shards(files, shards.images_per_shard, directory)
    card = DatasetCard(
        dataset=key,
        images=len(kept),
        classes=[],
        class_indices=[],
        source=entry.source,
        licence=LICENCE,
        shards=written,
        partial=entry.partial,
        origin={name: content or digest.hexdigest() for name, content in place.origin.items()},
    )
    write_card(card, directory)


def read_instances(data: bytes, where: str) -> Instances:
    """Read an `instances_*.json`; `where` names it in errors.

    Raises
    ------
    InputError
        It is another file, lists an id twice, or has an annotation of an image or a category that
        it does not list.
    """
    try:
        found = msgspec.json.decode(data, type=Instances)
    except DAMAGED_JSON as error:
        raise InputError(
            f"{where}: expected COCO's instances_*.json, with `images`, `annotations` (each with "
            f"`image_id`, `category_id` and `bbox`) and `categories`: {error}; get it "
            "again, or name another file (a study does so in `annotations`)"
        ) from error
    images = {image.id for image in found.images}
    categories = {category.id for category in found.categories}
    if len(images) < len(found.images) or len(categories) < len(found.categories):
        raise InputError(
            f"{where}: expected each id of an image or a category once; get the file again"
        )
    unknown = [
        name
        for one in found.annotations
        for name, known in (
            (f"image {one.image_id}", one.image_id in images),
            (f"category {one.category_id}", one.category_id in categories),
        )
        if not known
    ]
    if unknown:
        raise InputError(
            f"{where}: annotations name an image or a category that the file does not list, "
            f"{unknown[0]} for example; get it again"
        )
    return found


def _read_source(entry: CocoEntry, place: OpenedSource) -> tuple[Instances, dict[str, str]]:
    """Return the annotations, and the path of each listed image by its name."""
    tables, paths = dict[str, bytes](), defaultdict[str, list[str]](list)

    def is_table(path: str) -> bool:
        return PurePosixPath(path).name == entry.annotations and not is_stray(path)

    for path, read in source_files(place, is_table):
        if is_table(path):
            tables[path] = read()
        elif not is_stray(path):
            paths[PurePosixPath(path).name].append(path)
    if len(tables) != 1:
        raise InputError(
            f"{place.where}: expected one file called {entry.annotations}, got "
            f"{', '.join(tables) or 'none'}; correct the path or `annotations` in params.yaml"
        )
    ((table, data),) = tables.items()
    instances = read_instances(data, f"{place.where}: {table}")
    names = [_file_name(image) for image in instances.images]
    # The label maps of an image are called by its stem.
    stems = {PurePosixPath(name).stem for name in names}
    twice = [paths[name] for name in names if len(paths[name]) > 1]
    if len(stems) < len(names) or twice:
        example = " and ".join(twice[0]) if twice else f"`file_name`s in {table}"
        raise InputError(
            f"{place.where}: expected one image of each name, got several ({example}); rename or "
            "remove them"
        )
    there = {name: paths[name][0] for name in names if paths[name]}
    if not there or (len(there) < len(names) and not entry.partial):
        missing = min(set(names) - set(there), default="none is listed")
        raise InputError(
            f"{place.where}: {len(names) - len(there):,} of {len(names):,} images of "
            f"{entry.annotations} are missing ({missing}); get them, or set `partial: true` in "
            "params.yaml to take those that are there"
        )
    return instances, there


def _file_name(image: ListedImage) -> str:
    return PurePosixPath(image.file_name).name


def _segmented(
    wanted: set[str], instances: Instances, place: OpenedSource, entry: CocoEntry, workers: int
) -> Iterator[Segmented]:
    """Yield the images at the wanted paths with their objects, in the order of the source."""
    listed = {_file_name(image): image for image in instances.images}
    objects = defaultdict[int, list[Annotation]](list)
    for annotation in instances.annotations:
        objects[annotation.image_id].append(annotation)

    def image(file: tuple[str, Callable[[], bytes]]) -> Segmented:
        path, read = file
        data, where = read(), f"{place.where}: {path}"
        # Finds a broken image here, and not only when the first encoder reads it.
        pixels, facts = decode_image(data, where), listed[PurePosixPath(path).name]
        stored = _file_name(facts), data
        shown = objects.get(facts.id, [])
        if entry.presence == "boxes":
            # Two objects of train2017 have a box without area (cocoapi's issue 355).
            numbers = {one.category_id for one in shown if one.bbox[2] and one.bbox[3]}
            return Segmented(pixels, {}, {"object": sorted(numbers)}, stored)
        if pixels.shape[:2] != (facts.height, facts.width):
            raise InputError(
                f"{where}: expected {facts.width} × {facts.height} pixels, as the annotations "
                f"state, got {pixels.shape[1]} × {pixels.shape[0]}; get the image again, or take "
                "`presence: boxes`"
            )
        with error_context(where, ValueError):
            planes = label_planes(object_masks(shown, facts.height, facts.width))
        return Segmented(pixels, {"object": planes} if planes else {}, {}, stored)

    files = (file for file in source_files(place, wanted.__contains__) if file[0] in wanted)
    with ThreadPoolExecutor(workers) as pool:
        while block := list(islice(files, BLOCK)):
            yield from pool.map(image, block)


def object_masks(annotations: Sequence[Annotation], height: int, width: int) -> dict[int, Mask]:
    """Return where each category is in an image, by its id: the union of its objects.

    `ValueError` for an object without a segmentation, or with a broken one.
    """
    masks: dict[int, Mask] = {}
    for annotation in annotations:
        mask = masks.setdefault(annotation.category_id, np.zeros((height, width), np.bool_))
        match annotation.segmentation:
            case RunLengths() as runs:
                mask |= run_length_mask(runs, height, width)
            case list() as polygons:
                for polygon in polygons:
                    mask |= polygon_mask(polygon, height, width)
            case None:
                raise ValueError(
                    f"an object of category {annotation.category_id} has no `segmentation`; take "
                    "`presence: boxes`"
                )
    return masks


def label_planes(masks: Mapping[int, Mask]) -> list[LabelMap]:
    """Return label maps that hold all masks whole: overlapping masks are in different maps."""
    planes: list[LabelMap] = []
    for number, mask in sorted(masks.items()):
        if not mask.any():
            continue
        plane = next((plane for plane in planes if not plane[mask].any()), None)
        if plane is None:
            planes.append(plane := np.zeros(mask.shape, np.int64))
        plane[mask] = number
    return planes


def polygon_mask(polygon: Sequence[float], height: int, width: int) -> Mask:
    """Return the pixels whose centre is inside a polygon, by the even-odd rule.

    COCO's own `maskApi.c` rounds the outline to a grid of fifths of a pixel instead, so the masks
    may differ at the edge.

    Parameters
    ----------
    polygon : x, y, x, y, …, in pixels from the image's upper left corner
    """
    if len(polygon) % 2:
        raise ValueError(f"expected a polygon of x and y in turn, got {len(polygon)} numbers")
    points = np.array(polygon).reshape(-1, 2)
    # Whether each pixel's row enters or leaves the polygon between the last centre and this one.
    crossed = np.zeros((height, width + 1), np.bool_)
    for (x, y), (next_x, next_y) in zip(points, np.roll(points, -1, axis=0), strict=True):
        # The centres of row r are at y = r + 1/2.
        first, last = np.ceil(np.clip(sorted((y, next_y)), 0, height) - 0.5).astype(int)
        rows = np.arange(first, last)
        # A level edge has no rows, and must not divide by 0.
        at = x + (rows + 0.5 - y) * ((next_x - x) / (next_y - y or 1))
        crossed[rows, np.ceil(np.clip(at, 0, width) - 0.5).astype(int)] ^= True
    return np.logical_xor.accumulate(crossed, axis=1)[:, :width]


def run_length_mask(runs: RunLengths, height: int, width: int) -> Mask:
    """Return the mask that run lengths describe; `ValueError` if they are of another size."""
    counts = runs.counts if isinstance(runs.counts, list) else unpacked(runs.counts)
    if runs.size != (height, width) or min(counts, default=0) < 0 or sum(counts) != height * width:
        raise ValueError(
            f"expected run lengths of {height} × {width} pixels, got {sum(counts)} pixels and the "
            f"size {runs.size}; get the annotations again"
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def unpacked(text: str) -> list[int]:
    """Return the run lengths in a text that COCO's `maskApi.c` wrote.

    Each number takes characters from `0` on, six bits each: five of its bits, the lowest first, and
    whether more follow; the last one's highest bit is the sign. From the fourth number on it is the
    difference to the number before the last.
    """
    counts: list[int] = []
    value = bits = 0
    for character in text:
        code = ord(character) - ord("0")
        value |= (code & 31) << bits
        bits += 5
        if not code & 32:
            value -= (code >> 4 & 1) << bits
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = bits = 0
    return counts
