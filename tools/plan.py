"""`make plan`: what a study downloads, stores and computes, before anything starts.

    python -m tools.plan [STUDY] [--offline]

Exits 0 if every source can be reached, else 1. Nothing is downloaded.
"""

import argparse
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import humanize
import torch
from tabulate import tabulate
from torch import nn

from interpreting_clip.config.encoders import HUB_MODEL, Backbone, OpenClipModel
from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.config.synthetic import CLASSES
from interpreting_clip.config.trainings import Training
from interpreting_clip.config.weight_sources import (
    ActivationsFolder,
    BackboneEntry,
    ExternalModel,
)
from interpreting_clip.encoders.encoder import clip_encoder, initialise
from interpreting_clip.encoders.layers import named_layers
from interpreting_clip.encoders.probed import without_projection
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.errors import one_line
from interpreting_clip.study.check import (
    backbone_name,
    check,
    is_trained_clip,
)
from interpreting_clip.study.sections import Sections
from interpreting_clip.training.loop import steps_per_epoch
from runner.machine_settings import Machine, read_machine
from runner.process import launch
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
The whole study, even if an earlier run left results. ~ estimated, ? unknown. All bytes on disk are
estimated; downloads and checkpoints may be deleted at the end. A limit counts as if every class had
enough images.
"""

WORDS = 100
"""A guess of the size of a vocabulary, which is only known once captions are collected."""

IMAGENET_CLASSES = 1000

FLOAT = 4
"""Bytes per number: weights, activations and Gram matrices are stored in float32."""

THUMBNAIL, SHOWN = 7_500, 4_500
"""Bytes of a thumbnail with its masks, and of an image in a sprite with its share of the page."""

STATES = 3
"""A checkpoint holds each weight and AdamW's two running means of it."""

count = partial(in_words, lambda number: humanize.intcomma(round(number)))

FORMATS = {
    **dict.fromkeys(["images", "forward_passes", "epochs", "steps"], count),
    **dict.fromkeys(["download", "stored", "bytes"], size),
}
"""The function that prints a column's numbers."""

Row = dict[str, Any]
Answers = Mapping[AskedSource, Answer]
Images = Mapping[str, float]
"""The number of images of each dataset."""


def main(*arguments: str) -> None:
    """Print the plan of a study."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.plan",
        description="Say what a study downloads, stores and computes; start nothing.",
    )
    parser.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="contact no hub and no URL")
    options = parser.parse_args(arguments)
    study = check(options.study)
    plan = make_plan(study, read_machine(), offline=options.offline)
    sys.stdout.write(
        f"{study.study.title}, {one_line(str(options.study))}: encoders {len(study.encoders)}, "
        f"datasets {len(plan['datasets'])}, comparisons {len(study.comparisons)}\n{NOTE}\n"
        f"{as_text(plan)}\n"
    )
    if any(answer.problem for answer in plan["answers"].values()):
        sys.exit(1)


def make_plan(study: Sections, machine: Machine, *, offline: bool) -> dict[str, Any]:
    """Return the plan: tables as lists of rows, and what cannot be reached."""
    datasets = {**study.datasets, **study.shifts}
    images = {key: image_count(key, entry) for key, entry in datasets.items()}
    sources = {key: dataset_sources(entry) for key, entry in datasets.items()}
    files = {key: found for key, found in weight_sources(study).items() if found}
    asked = [*sources.values(), *files.values()]
    answers = ask_all(chain.from_iterable(asked), machine, offline=offline)
    rows, estimates = [], []
    for key, entry in datasets.items():
        each, whole = image_bytes(key, entry, study.sources.world), official_count(key, entry)
        estimates.append(whole and whole * each)  # no image of an unknown size takes no room
        stated = sum(answers[source].download for source in sources[key])
        share = images[key] / whole if whole and not isnan(images[key] / whole) else 1
        rows.append(
            {
                "dataset": key,
                "from": " and ".join(map(str, sources[key])) or entry.source,
                "images": images[key],
                **download_cells(sources[key], answers, estimates[-1]),
                "stored": stated * share if stated > 0 else images[key] and images[key] * each,
            }
        )
    estimates += [weight_bytes(study, key) for key in files]
    return {
        "datasets": rows,
        "weights": [
            {
                "weights": key,
                "from": str(found[0]),
                **download_cells(found, answers, weight_bytes(study, key)),
            }
            for key, found in files.items()
        ],
        "encoders": encoder_rows(study, images),
        "trainings": [training_row(study, key, images) for key in trainings(study)],
        "disk": [
            Storage("downloads", machine.downloads, distinct(asked, estimates, answers)),
            Storage("datasets", "data/datasets", [row["stored"] for row in rows]),
            *storage(study, images),
        ],
        "answers": answers,
    }


def download_cells(sources: list[AskedSource], answers: Answers, estimate: float) -> Row:
    """Return the bytes of all sources, and whether they can be reached.

    The bytes are estimated if a source does not state its size.
    """
    found = [answers[source] for source in sources]
    stated = sum(answer.download for answer in found)
    estimated = isnan(stated) and not isnan(estimate)
    state = ("reached" if all(answer.asked for answer in found) else "not asked") if found else ""
    return {
        "download": f"~{size(estimate)}" if estimated else size(stated),
        "state": "CANNOT BE REACHED" if any(answer.problem for answer in found) else state,
    }


def distinct(
    entries: list[list[AskedSource]], estimates: list[float], answers: Answers
) -> list[float]:
    """Return the bytes of each download; a source that several entries share counts once."""
    once: dict[object, float] = {}
    for sources, estimate in zip(entries, estimates, strict=True):
        stated = {source: answers[source].download for source in sources}
        once |= {tuple(sources): estimate} if isnan(sum(stated.values())) else stated
    return list(once.values())


class Sizes(NamedTuple):
    """The weights of an architecture's towers, the width of its features, and its layers for CKA.

    `text_parameters` is 0 without a text tower.
    """

    parameters: float = UNKNOWN
    text_parameters: float = UNKNOWN
    width: float = UNKNOWN
    layers: float = UNKNOWN


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
    layers = len(named_layers(encoder.visual))
    return Sizes(parameters(tower.visual), text, tower.card.feature_width, layers)


def parameters(module: nn.Module) -> int:
    """Return the number of weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def encoder_sizes(study: Sections, key: str) -> Sizes:
    """Return the sizes of an encoder's architecture; unknown for a folder of activations."""
    if isinstance(study.weights.get(key), ActivationsFolder):
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
    return (
        whole if most == "all" or whole < most * class_count(study) else most * class_count(study)
    )


def encoder_rows(study: Sections, images: Images) -> list[Row]:
    """Return the images that pass through each encoder, and through the untrained ones of a null.

    These are the forward passes that measure it; a training's come on top.
    """
    measured = sum(images[name] for name in (*TEST_SETS, *study.shifts, "broden"))
    passes = {
        key: measured + study.layers.images + probed_images(study, key, images)
        for key in study.encoders
        if not isinstance(study.weights.get(key), ActivationsFolder)
    }
    passes |= {
        f"{null.encoders} untrained {key}": null.encoders * null.images
        for key, null in study.untrained.items()
    }
    rows = [{"encoder": key, "forward_passes": number} for key, number in passes.items()]
    return [*rows, {"encoder": "all", "forward_passes": count(*passes.values())}]


def training_row(study: Sections, key: str, images: Images) -> Row:
    """Return the steps of a training, and how many images pass forward and backward in them."""
    entry = trainings(study)[key]
    recipe, number = study.recipes[entry.recipe], images[entry.dataset]
    known = number > 0
    steps = recipe.epochs * steps_per_epoch(int(number), recipe.batch_size) if known else number
    return {
        "training": key,
        "dataset": entry.dataset,
        "epochs": recipe.epochs,
        "steps": steps,
        "images": steps * min(recipe.batch_size, number),
    }


class Storage(NamedTuple):
    """The bytes that a study writes to one folder, in parts."""

    what: str
    folder: str
    bytes: Sequence[float]


def storage(study: Sections, images: Images) -> list[Storage]:
    """Return what is stored where, apart from downloads and datasets."""
    classes, broden = class_count(study), images["broden"]
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
    heads = [width * classes * FLOAT for width in widths.values()]
    grams = study.layers.images // study.layers.minibatch * study.layers.minibatch**2 * FLOAT
    # A head has at most as many directions as features. Unknown stays unknown, as it comes first.
    directions = [min(width, classes) for width in widths.values() if broden]
    # Trainings run one after the other, so only the largest checkpoint counts.
    states = [weight_bytes(study, key) * STATES for key in trainings(study)]
    largest = max(states, default=0, key=lambda number: (isnan(number), number))
    return [
        Storage("weights and heads", "data/weights", [*weights, *heads]),
        Storage("activations", "data/activations", [number * FLOAT for number in activations]),
        Storage(
            "layer Grams",
            "data/layer_grams",
            [encoder_sizes(study, key).layers * grams for key in widths],
        ),
        Storage("thumbnails", "data/thumbnails", [broden * THUMBNAIL]),
        Storage(
            "pages of directions",
            "plots/directions",
            [number * 2 * study.browse.images * SHOWN for number in directions],
        ),
        Storage("training checkpoints", ".scratch", [largest]),
    ]


def weight_bytes(study: Sections, key: str) -> float:
    """Return the bytes of an encoder's weights.

    A CLIP is stored with its text tower, unless it is finetuned; a trained head is stored too.
    """
    found, entry = encoder_sizes(study, key), study.encoders.get(key)
    head = entry.head if entry else ""
    both = head == "zero_shot" or (not entry and is_trained_clip(study, study.weights[key]))
    number = found.parameters + (found.text_parameters if both else 0)
    return (number + (found.width * class_count(study) if head == "trained" else 0)) * FLOAT


def free_space(stored: Iterable[Storage]) -> list[str]:
    """Return in words what is needed and what is free, for each disk that is written to."""
    disks: dict[int, tuple[Path, list[float]]] = {}
    for item in stored:
        path = Path(item.folder).absolute()
        place = next(folder for folder in (path, *path.parents) if folder.exists())
        disks.setdefault(place.stat().st_dev, (place.resolve(), []))[1].extend(item.bytes)
    lines = []
    for place, needed in disks.values():
        free = shutil.disk_usage(place).free
        warning = "WARNING, " if sum(part for part in needed if not isnan(part)) > free else ""
        lines.append(f"{warning}{place}: {size(*needed)} needed, {size(free)} free")
    return lines


def as_text(plan: dict[str, Any]) -> str:
    """Return the non-empty tables of a plan, and whether every source can be reached."""
    disk = [item._asdict() | {"bytes": size(*item.bytes)} for item in plan["disk"]]
    every = [part for item in plan["disk"] for part in item.bytes]
    disk.append({"what": "all", "bytes": size(*every)})
    revisions = [
        {"repository": f"{source.kind} {source}", "revision": source.revision, "commit": commit}
        for source, answer in plan["answers"].items()
        if (commit := answer.commit)
    ]
    tables = {
        "Datasets": table(plan["datasets"]),
        "Weights": table(plan["weights"]),
        "Encoders, and the images that pass forward to measure them": table(plan["encoders"]),
        "Trainings, and the images that pass forward and backward": table(plan["trainings"]),
        "Disk": "\n".join([table(disk), *map(one_line, free_space(plan["disk"]))]),
        "Revisions to pin, with today's commit": table(revisions),
    }
    parts = [f"{title}\n\n{body}\n" for title, body in tables.items() if body]
    return "\n".join([*parts, verdict(plan["answers"])])


def table(rows: Sequence[Row]) -> str:
    """Return rows as a table with numbers right-aligned, without empty columns."""
    if not rows:
        return ""
    columns = [name for name in rows[0] if any(row.get(name, "") != "" for row in rows)]
    cells = [
        [
            one_line(value) if isinstance(value := row.get(name, ""), str) else FORMATS[name](value)
            for name in columns
        ]
        for row in rows
    ]
    headers = [name.replace("_", " ") for name in columns]
    sides = ["right" if name in FORMATS else "left" for name in columns]
    return tabulate(cells, headers, colalign=sides, disable_numparse=True)


def verdict(answers: Answers) -> str:
    """Say whether every source can be reached, and if not, why."""
    if problems := [answer.problem for answer in answers.values() if answer.problem]:
        head = f"{len(problems)} of {len(answers)} sources cannot be reached:"
        return "\n".join([head, *(f"  {one_line(problem)}" for problem in problems)])
    if unasked := sum(not answer.asked for answer in answers.values()):
        return f"Offline: {unasked} of {len(answers)} sources were not asked."
    if answers:
        return f"{len(answers)} of {len(answers)} sources can be reached."
    return "The study needs no source outside of this repository."


if __name__ == "__main__":
    launch(main)
