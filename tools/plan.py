"""`make plan`: what a study downloads, stores and computes, before anything starts.

Exits 0 if every source can be reached, else 1. Nothing is downloaded.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from math import isnan
from pathlib import Path

import humanize
from tabulate import tabulate

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.study.check import check, lacks_tower
from interpreting_clip.study.sections import Sections
from interpreting_clip.synthetic.world import CLASSES
from interpreting_clip.training.loop import steps_per_epoch
from interpreting_clip.training.recipes import Training
from runner.machine_settings import Machine, read_machine
from tools.reachable import (
    Answer,
    AskedSource,
    ask_all,
    dataset_sources,
    image_bytes,
    image_count,
    in_words,
    official_count,
    size,
    weight_sources,
)

NOTE = """\
The whole study, even if an earlier run left results. ? is unknown. Bytes of datasets on disk are
estimated, as are downloads whose source does not state them. On top come weights that are trained
here (4 bytes a parameter, three times that for a checkpoint), pages and thumbnails. A limit counts
as if every class had enough images.
"""

FEATURE_BYTES = 1024 * 4
"""Roughly the bytes of one image's activations, in float32: encoders have 128 to 2,048 features."""

count = partial(in_words, lambda number: humanize.intcomma(round(number)))

Row = dict[str, str]
Answers = Mapping[AskedSource, Answer]
Images = Mapping[str, float]
"""The number of images of each dataset."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="contact no hub and no URL")


def main(study: Path = PARAMS, *, offline: bool = False) -> None:
    """Print the plan of a study."""
    machine = read_machine()
    checked = check(study)
    tables, answers = make_plan(checked, machine, offline=offline)
    sys.stdout.write(f"{checked.study.title}, {study}\n{NOTE}\n")
    for title, rows in tables.items():
        if rows:
            table = tabulate(rows, headers="keys", disable_numparse=True)
            sys.stdout.write(f"{title}\n\n{table}\n\n")
    problems = [answer.problem for answer in answers.values() if answer.problem]
    unasked = sum(not answer.asked for answer in answers.values())
    said = f"Sources: {len(answers)}, cannot be reached: {len(problems)}, not asked: {unasked}"
    sys.stdout.write("\n  ".join([said, *problems]) + "\n")
    if problems:
        sys.exit(1)


def make_plan(
    study: Sections, machine: Machine, *, offline: bool
) -> tuple[dict[str, list[Row]], Answers]:
    """Return the tables of a plan, and what was found out about each source."""
    datasets = {**study.datasets, **study.shifts}
    images = {key: image_count(key, entry) for key, entry in datasets.items()}
    asked = {key: dataset_sources(entry) for key, entry in datasets.items()}
    asked |= {f"weights {key}": found for key, found in weight_sources(study).items() if found}
    for key, one in study.array_downloads.items():
        asked[f"arrays {key}"] = [AskedSource("url", one.url)]
    answers = ask_all(chain.from_iterable(asked.values()), machine, offline=offline)
    rows: list[Row] = []
    # A source that several entries share counts once.
    downloads, stored = dict[tuple[AskedSource, ...], float](), list[float]()
    for name, sources in asked.items():
        row = {"what": name, "from": " and ".join(map(str, sources)), "images": "", "stored": ""}
        total = sum(answers[source].download for source in sources)
        if entry := datasets.get(name):
            whole, each = official_count(name, entry), image_bytes(name, entry, study.sources.world)
            # No image of an unknown size takes no room.
            total = (whole and whole * each) if isnan(total) else total
            share = images[name] / whole if whole and not isnan(images[name] / whole) else 1
            stored.append(total * share if total > 0 else images[name] and images[name] * each)
            row |= {"from": row["from"] or str(entry.source), "images": count(images[name])}
            row["stored"] = size(stored[-1])
        downloads[tuple(sources)] = total
        rows.append(row | {"download": size(total), "state": state(sources, answers)})
    weights = [
        sum(answers[source].download for source in sources)
        for name, sources in asked.items()
        if name.startswith("weights ")
    ]
    measured, nulls = passes(study, images)
    disk = {
        machine.downloads: list(downloads.values()),
        "data/datasets": stored,
        "data/weights": weights,
        "data/activations": [(sum(measured) + sum(nulls)) * FEATURE_BYTES],
    }
    tables = {
        "Sources": rows,
        "Images that pass forward to measure the encoders": [
            {"encoders": f"{len(measured)} of the study", "images": count(*measured)},
            {"encoders": "untrained ones of the null", "images": count(*nulls)},
            {"encoders": "all", "images": count(*measured, *nulls)},
        ],
        "Trainings, and the images that pass forward and backward": [
            training_row(study, key, entry, images)
            for key, entry in (study.pretrain | study.finetune | study.supervise).items()
        ],
        "Disk": disk_rows(disk),
        "Revisions to pin, with today's commit": [
            {"repository": f"{one.kind} {one}", "revision": one.revision, "commit": answer.commit}
            for one, answer in answers.items()
            if answer.commit
        ],
    }
    return tables, answers


def state(sources: list[AskedSource], answers: Answers) -> str:
    """Say whether all sources of an entry can be reached."""
    found = [answers[source] for source in sources]
    if any(answer.problem for answer in found):
        return "CANNOT BE REACHED"
    return ("reached" if all(answer.asked for answer in found) else "not asked") if found else ""


def disk_rows(disk: Mapping[str, Sequence[float]]) -> list[Row]:
    """Return the bytes of each folder and of all, and what is free there."""
    rows = [
        {"folder": key, "bytes": size(*parts), "free": free(key)} for key, parts in disk.items()
    ]
    return [*rows, {"folder": "all", "bytes": size(*chain.from_iterable(disk.values()))}]


def free(folder: str) -> str:
    """Return the bytes that are free on the disk where a folder is, or will be."""
    path = Path(folder).absolute()
    place = next(one for one in (path, *path.parents) if one.exists())
    return size(shutil.disk_usage(place).free)


def passes(study: Sections, images: Images) -> tuple[Sequence[float], Sequence[float]]:
    """Return how many images pass through each encoder, and through all untrained ones of a null.

    These are the forward passes that measure them; a training's come on top.
    """
    each = study.layers.images + sum(images[one] for one in (*TEST_SETS, *study.shifts, "broden"))
    measured = {key: each for key in study.encoders if not lacks_tower(study, key)}
    classes = len(CLASSES) if study.datasets[TEST_SETS[0]].source == "world" else 1000
    for key, probe in study.probe.items():
        per_class, whole = study.heads.probe.images_per_class, images[probe.dataset]
        measured[key] += whole if per_class == "all" else min(per_class * classes, whole)
    nulls = [null.encoders * null.images for null in study.untrained.values()]
    return list(measured.values()), nulls


def training_row(study: Sections, key: str, entry: Training, images: Images) -> Row:
    """Return the steps of a training, and how many images pass forward and backward in them."""
    recipe, number = study.recipes[entry.recipe], images[entry.dataset]
    steps = training_steps(study, entry, number)
    return {
        "training": key,
        "dataset": entry.dataset,
        "epochs": str(recipe.epochs),
        "steps": count(steps),
        "images": count(steps * min(recipe.batch_size, number)),
    }


def training_steps(study: Sections, entry: Training, images: float) -> float:
    """Return the steps of a training on so many images; NaN if these are unknown."""
    recipe = study.recipes[entry.recipe]
    known = images > 0
    return recipe.epochs * steps_per_epoch(int(images), recipe.batch_size) if known else images
