"""`make plan`: what a study downloads, stores and computes, before anything starts.

Exits 0 if every source can be reached, else 1. Nothing is downloaded.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import chain
from math import isnan
from pathlib import Path
from typing import NamedTuple

import humanize
import torch
from tabulate import tabulate
from torch import nn

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.encoders.encoder import clip_encoder, initialise
from interpreting_clip.encoders.entries import (
    HUB_MODEL,
    Backbone,
    BackboneEntry,
    ExternalModel,
    OpenClipModel,
)
from interpreting_clip.encoders.probed import without_projection
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.study.check import (
    backbone_name,
    check,
    is_trained_clip,
    lacks_tower,
)
from interpreting_clip.study.sections import Sections
from interpreting_clip.synthetic.world import CLASSES
from interpreting_clip.training.loop import steps_per_epoch
from interpreting_clip.training.recipes import Training
from runner.machine_settings import Machine, read_machine
from tools.reachable import (
    UNKNOWN,
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
The whole study, even if an earlier run left results. ? is unknown. All bytes on disk are estimated,
as are downloads whose source does not state them; pages and thumbnails, a few GB for a large study,
come on top. Downloads and checkpoints may be deleted at the end. A limit counts as if every class
had enough images.
"""

WORDS = 100
"""A guess of the size of a vocabulary, which is only known once captions are collected."""

IMAGENET_CLASSES = 1000

FLOAT = 4
"""Bytes per number: weights and activations are stored in float32."""

STATES = 3
"""A checkpoint holds each weight and AdamW's two running means of it."""

count = partial(in_words, lambda number: humanize.intcomma(round(number)))

Row = dict[str, str]
Tables = dict[str, list[Row]]
Answers = Mapping[AskedSource, Answer]
Images = Mapping[str, float]
"""The number of images of each dataset."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="contact no hub and no URL")


def main(study: Path = PARAMS, *, offline: bool = False) -> None:
    """Print the plan of a study."""
    checked = check(study)
    tables, answers = make_plan(checked, read_machine(), offline=offline)
    sys.stdout.write(f"{checked.study.title}, {study}\n{NOTE}\n")
    for title, rows in tables.items():
        if rows:
            table = tabulate(rows, headers="keys", disable_numparse=True)
            sys.stdout.write(f"{title}\n\n{table}\n\n")
    sys.stdout.write(f"{verdict(answers)}\n")
    if any(answer.problem for answer in answers.values()):
        sys.exit(1)


def make_plan(study: Sections, machine: Machine, *, offline: bool) -> tuple[Tables, Answers]:
    """Return the tables of a plan, and what was found out about each source."""
    datasets = {**study.datasets, **study.shifts}
    images = {key: image_count(key, entry) for key, entry in datasets.items()}
    sources = {key: dataset_sources(entry) for key, entry in datasets.items()}
    files = {key: found for key, found in weight_sources(study).items() if found}
    arrays = {key: [AskedSource("url", one.url)] for key, one in study.array_downloads.items()}
    asked = chain.from_iterable([*sources.values(), *files.values(), *arrays.values()])
    answers = ask_all(asked, machine, offline=offline)
    # A source that several entries share counts once.
    downloads, stored, dataset_rows = {}, [], []
    file_rows: Tables = {"weights": [], "arrays": []}
    for key, entry in datasets.items():
        each, whole = image_bytes(key, entry, study.sources.world), official_count(key, entry)
        # No image of an unknown size takes no room.
        total, state = download(sources[key], answers, whole and whole * each)
        share = images[key] / whole if whole and not isnan(images[key] / whole) else 1
        stored.append(total * share if total > 0 else images[key] and images[key] * each)
        downloads[tuple(sources[key])] = total
        dataset_rows.append(
            {
                "dataset": key,
                "from": " and ".join(map(str, sources[key])) or entry.source,
                "images": count(images[key]),
                "download": size(total),
                "state": state,
                "stored": size(stored[-1]),
            }
        )
    for kind, named in (("weights", files), ("arrays", arrays)):
        for key, found in named.items():
            estimate = weight_bytes(study, key) if kind == "weights" else UNKNOWN
            total, state = download(found, answers, estimate)
            downloads[tuple(found)] = total
            row = {kind: key, "from": str(found[0]), "download": size(total), "state": state}
            file_rows[kind].append(row)
    folders = {
        machine.downloads: list(downloads.values()),
        "data/datasets": stored,
        **storage(study, images),
    }
    tables = {
        "Datasets": dataset_rows,
        "Weights": file_rows["weights"],
        "Arrays": file_rows["arrays"],
        "Encoders, and the images that pass forward to measure them": encoder_rows(study, images),
        "Trainings, and the images that pass forward and backward": [
            training_row(study, key, images) for key in trainings(study)
        ],
        "Disk": [
            *(
                {"folder": key, "bytes": size(*parts), "free": free(key)}
                for key, parts in folders.items()
            ),
            {"folder": "all", "bytes": size(*chain.from_iterable(folders.values()))},
        ],
        "Revisions to pin, with today's commit": [
            {"repository": f"{one.kind} {one}", "revision": one.revision, "commit": answer.commit}
            for one, answer in answers.items()
            if answer.commit
        ],
    }
    return tables, answers


def download(sources: list[AskedSource], answers: Answers, estimate: float) -> tuple[float, str]:
    """Return the bytes of all sources, estimated if one does not state its size, and the state."""
    found = [answers[source] for source in sources]
    stated = sum(answer.download for answer in found)
    state = ("reached" if all(answer.asked for answer in found) else "not asked") if found else ""
    state = "CANNOT BE REACHED" if any(answer.problem for answer in found) else state
    return estimate if isnan(stated) else stated, state


def free(folder: str) -> str:
    """Return the bytes that are free on the disk where a folder is, or will be."""
    path = Path(folder).absolute()
    place = next(one for one in (path, *path.parents) if one.exists())
    return size(shutil.disk_usage(place).free)


class Sizes(NamedTuple):
    """The weights of an architecture's towers, and the width of its features.

    `text_parameters` is 0 without a text tower.
    """

    parameters: float = UNKNOWN
    text_parameters: float = UNKNOWN
    width: float = UNKNOWN


@cache
def sizes(backbone: BackboneEntry, *, projected: bool = True) -> Sizes:
    """Return an architecture's sizes, or those of a CLIP without its projection.

    Its towers are built on the meta device, so their weights take no memory. The sizes are unknown
    if its configuration is on the hub or elsewhere.
    """
    named = getattr(backbone, "model", "")
    if isinstance(backbone, ExternalModel) or named.startswith(HUB_MODEL):
        return Sizes()
    with torch.device("meta"):
        if isinstance(backbone, Backbone | OpenClipModel):
            encoder = clip_encoder(backbone, Vocabulary([f"word{i}" for i in range(WORDS)]), 0)
            text = parameters(encoder.module) - parameters(encoder.visual)
        else:
            encoder, text = initialise(backbone, 0), 0
        tower = encoder if projected else without_projection(encoder)
    return Sizes(parameters(tower.visual), text, tower.card.feature_width)


def parameters(module: nn.Module) -> int:
    """Return the number of weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def encoder_sizes(study: Sections, key: str) -> Sizes:
    """Return the sizes of an encoder's architecture; unknown for a folder of activations."""
    if lacks_tower(study, key):
        return Sizes()
    probe = study.probe.get(key)
    projected = probe is None or probe.features == "embedding"
    return sizes(study.backbones[backbone_name(study, key)], projected=projected)


def trainings(study: Sections) -> dict[str, Training]:
    """Return the entries of all encoders that are trained here."""
    return {**study.pretrain, **study.finetune, **study.supervise}


def class_count(study: Sections) -> int:
    """Return the number of classes of a head."""
    drawn = study.datasets[TEST_SETS[0]].source == "world"
    return len(CLASSES) if drawn else IMAGENET_CLASSES


def probed_images(study: Sections, key: str, images: Images) -> float:
    """Return how many images a linear probe learns from; 0 for an encoder that is none."""
    if (probe := study.probe.get(key)) is None:
        return 0
    most, whole = study.heads.probe.images_per_class, images[probe.dataset]
    return whole if most == "all" else min(most * class_count(study), whole)


def encoder_rows(study: Sections, images: Images) -> list[Row]:
    """Return the images that pass through each encoder, and through the untrained ones of a null.

    These are the forward passes that measure it; a training's come on top.
    """
    measured = sum(images[name] for name in (*TEST_SETS, *study.shifts, "broden"))
    passes = {
        key: measured + study.layers.images + probed_images(study, key, images)
        for key in study.encoders
        if not lacks_tower(study, key)
    }
    passes |= {
        f"{null.encoders} untrained {key}": null.encoders * null.images
        for key, null in study.untrained.items()
    }
    rows = [{"encoder": key, "forward passes": count(number)} for key, number in passes.items()]
    return [*rows, {"encoder": "all", "forward passes": count(*passes.values())}]


def training_row(study: Sections, key: str, images: Images) -> Row:
    """Return the steps of a training, and how many images pass forward and backward in them."""
    entry = trainings(study)[key]
    recipe, number = study.recipes[entry.recipe], images[entry.dataset]
    known = number > 0
    steps = recipe.epochs * steps_per_epoch(int(number), recipe.batch_size) if known else number
    return {
        "training": key,
        "dataset": entry.dataset,
        "epochs": str(recipe.epochs),
        "steps": count(steps),
        "images": count(steps * min(recipe.batch_size, number)),
    }


def storage(study: Sections, images: Images) -> dict[str, Sequence[float]]:
    """Return by folder the parts of what is stored, apart from downloads and datasets."""
    widths = {key: encoder_sizes(study, key).width for key in study.encoders}
    measured = [images[name] for name in (*TEST_SETS, *study.shifts, "broden")]
    # Activations of an unknown width on no image take no room.
    activations = [number * width for number in measured if number for width in widths.values()]
    activations += [probed_images(study, key, images) * widths[key] for key in study.probe]
    activations += [
        sizes(study.backbones[key]).width * null.encoders * null.images
        for key, null in study.untrained.items()
    ]
    # Some weights are there for a probe alone.
    weights = [weight_bytes(study, key) for key in sorted({*widths, *study.weights})]
    heads = [width * class_count(study) * FLOAT for width in widths.values()]
    # Trainings run one after the other, so only the largest checkpoint counts.
    states = [weight_bytes(study, key) * STATES for key in trainings(study)]
    largest = max(states, default=0, key=lambda number: (isnan(number), number))
    return {
        "data/weights": [*weights, *heads],
        "data/activations": [number * FLOAT for number in activations],
        ".scratch": [largest],
    }


def weight_bytes(study: Sections, key: str) -> float:
    """Return the bytes of an encoder's weights.

    A CLIP is stored with its text tower, unless it is finetuned; a trained head is stored too.
    """
    found, entry = encoder_sizes(study, key), study.encoders.get(key)
    head = entry.head if entry else ""
    both = head == "zero_shot" or (not entry and is_trained_clip(study, study.weights[key]))
    number = found.parameters + (found.text_parameters if both else 0)
    return (number + (found.width * class_count(study) if head == "trained" else 0)) * FLOAT


def verdict(answers: Answers) -> str:
    """Say how many sources cannot be reached or were not asked, and why."""
    problems = [answer.problem for answer in answers.values() if answer.problem]
    unasked = sum(not answer.asked for answer in answers.values())
    head = (
        f"Of {len(answers)} sources, {len(problems)} cannot be reached, {unasked} were not asked."
    )
    return "\n  ".join([head, *problems])
