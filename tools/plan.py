"""`make plan`: what a study downloads, stores and computes, before anything starts.

Exits 0 if every source can be reached, else 1. Nothing is downloaded.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import isnan, nan
from pathlib import Path

import humanize
from tabulate import tabulate

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.shifts import SHIFTS, TEST_SETS
from interpreting_clip.datasets.entries import ImageNet, ImageNetLike, RealSet, tag
from interpreting_clip.datasets.imagenet import IMAGES
from interpreting_clip.study.check import check, lacks_tower
from interpreting_clip.study.check_datasets import class_count
from interpreting_clip.study.dataset_entries import DatasetEntry, ShiftEntry
from interpreting_clip.study.sections import Sections
from interpreting_clip.synthetic.world import CLASSES, Recipe
from interpreting_clip.training.loop import steps_per_epoch
from runner.machine_settings import read_machine
from tools.reachable import AskedSource, ask_all, dataset_sources, weight_sources

NOTE = """\
The whole study, even if an earlier run left results. ? is unknown. Bytes of datasets on disk are
estimated, as are downloads whose source does not state them. On top come drawn images, weights that
are trained here (4 bytes a parameter, three times that for a checkpoint), pages and thumbnails. A
limit counts as if every class had enough images.
"""

VALIDATION, TRAIN = IMAGES["imagenet"]

PUBLISHED_IMAGES = {
    **{name: shift.images for name, shift in SHIFTS.items()},
    **{"imagenet_val": VALIDATION, "imagenet_train": TRAIN},
    **{"broden": 63_305, "imagenet_captions": 463_622},
}
"""Images of the sets by kind, of ImageNet's two by entry; of ObjectNet, those of its classes."""

PUBLISHED_BYTES = {
    **{"imagenet_train": 147.9e9, "imagenet_val": 6.74e9, "imagenet_v2": 1.26e9},
    **{"imagenet_r": 2.19e9, "imagenet_sketch": 7.6e9, "imagenet_a": 0.69e9},
    # a guess for 224 × 224 pixels, and ImageNet's images
    **{"broden": 63_305 * 0.6 * 224**2, "imagenet_captions": 463_622 * 115e3},
}
"""Bytes of the sets' archives, rounded, by the same names."""

FEATURE_BYTES = 1024 * 4
"""Roughly the bytes of one image's activations, in float32: encoders have 128 to 2,048 features."""


def in_words(words: Callable[[float], str], *numbers: float) -> str:
    """Return a sum: `6.7 GB`, with ` + ?` if a part is unknown, and `?` if nothing is known."""
    known = [number for number in numbers if not isnan(number)]
    if len(known) == len(numbers):
        return words(sum(known))
    return f"{words(sum(known))} + ?" if any(known) else "?"


size = partial(in_words, humanize.naturalsize)
count = partial(in_words, lambda number: humanize.intcomma(round(number)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="contact no hub and no URL")


def main(study: Path = PARAMS, *, offline: bool = False) -> None:
    """Print the plan of a study."""
    machine = read_machine()
    checked = check(study)
    datasets = {**checked.datasets, **checked.shifts}
    sources = {key: dataset_sources(entry) for key, entry in datasets.items()}
    sources |= {f"weights {key}": asked for key, asked in weight_sources(checked).items()}
    for key, entry in checked.array_downloads.items():
        sources[f"arrays {key}"] = [AskedSource("url", entry.url)]
    every = [source for asked in sources.values() for source in asked]
    answers = ask_all(every, machine, offline=offline)
    images = {key: image_count(key, entry) for key, entry in datasets.items()}
    rows, downloads, stored = [], dict[tuple[AskedSource, ...], float](), list[float]()
    for name, asked in sources.items():
        total = sum(answers[source].download for source in asked)
        row = [name, " and ".join(source.name for source in asked), size(total), "", ""]
        if entry := datasets.get(name):
            known = set_name(name, entry)
            published = PUBLISHED_BYTES.get(known, nan) if asked else 0
            total = published if isnan(total) else total
            share = images[name] / PUBLISHED_IMAGES.get(known, nan)
            stored.append((total or published) * (1 if isnan(share) else share))
            row[2:] = [size(total), size(stored[-1]), count(images[name])]
        # A source that several entries share counts once.
        downloads[tuple(asked)] = total
        rows.append([*row, "; ".join(sorted({answers[source].state for source in asked}))])
    measured, nulls = passes(checked, images)
    tables = {"what from download stored images state": rows}
    if trainings := [*training_rows(checked, images)]:
        tables["training epochs steps images"] = trainings
    sys.stdout.write(f"{checked.study.title}, {study}\n{NOTE}\n")
    for head, table in tables.items():
        sys.stdout.write(f"{tabulate(table, head.split(), disable_numparse=True)}\n\n")
    problems = [answer.problem for answer in answers.values() if answer.problem]
    lines = [
        f"Downloads: {size(*downloads.values())}",
        f"Datasets on disk: {size(*stored)}",
        f"Activations on disk: {size((measured + nulls) * FEATURE_BYTES)}",
        f"Free on this disk: {size(shutil.disk_usage(Path()).free)}",
        f"Images that pass forward: {count(measured)} to measure encoders, {count(nulls)} in nulls",
        f"Sources: {len(answers)}, cannot be reached: {len(problems)}",
    ]
    sys.stdout.write("\n".join([*lines, *problems, ""]))
    if problems:
        sys.exit(1)


def image_count(key: str, entry: DatasetEntry | ShiftEntry) -> float:
    """Return the number of images of a dataset, after its limit.

    A limit takes the same number of each class, and fewer of a class that has fewer; so this is the
    most that there can be. It is unknown for an entry that holds only a part of its set.
    """
    if not isinstance(entry, RealSet):
        return entry.images if isinstance(entry, Recipe) else 0
    whole = nan if entry.partial else PUBLISHED_IMAGES.get(set_name(key, entry), nan)
    if entry.limit is None or entry.limit >= whole:
        return whole
    return entry.limit - entry.limit % (
        class_count(entry) if isinstance(entry, ImageNetLike) else 1
    )


def set_name(key: str, entry: DatasetEntry | ShiftEntry) -> str:
    """Return the name of an entry's set: its kind, or the entry's own of ImageNet's two sets."""
    return key if isinstance(entry, ImageNet) else tag(entry)


def passes(study: Sections, images: Mapping[str, float]) -> tuple[float, float]:
    """Return how many images pass through all encoders, and through the untrained ones of a null.

    These are the forward passes that measure them; a training's come on top.
    """
    each = study.layers.images + sum(images[name] for name in (*TEST_SETS, "broden"))
    measured = each * sum(not lacks_tower(study, key) for key in study.encoders)
    pairs = (e for e in study.shift_encoders.values() if not lacks_tower(study, e.encoder))
    measured += sum(images[pair.shift] for pair in pairs)
    classes = len(CLASSES) if study.datasets[TEST_SETS[0]].source == "world" else 1000
    for probe in study.probe.values():
        per_class, whole = study.heads.probe.images_per_class, images[probe.dataset]
        measured += whole if per_class == "all" else min(per_class * classes, whole)
    return measured, sum(null.encoders * null.images for null in study.untrained.values())


def training_rows(study: Sections, images: Mapping[str, float]) -> Iterator[list[str]]:
    """Yield the steps of each training, and how many images pass forward and backward in them."""
    for key, entry in (study.pretrain | study.finetune | study.supervise).items():
        recipe, number = study.recipes[entry.recipe], images[entry.dataset]
        steps = number  # 0 or unknown
        if number > 0:
            steps = recipe.epochs * steps_per_epoch(int(number), recipe.batch_size)
        seen = steps * min(recipe.batch_size, number)
        yield [f"{key} on {entry.dataset}", str(recipe.epochs), count(steps), count(seen)]
