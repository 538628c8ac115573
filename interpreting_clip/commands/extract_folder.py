"""The command `extract` at work: an encoder's activations on a folder of images."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from tqdm import tqdm

from interpreting_clip.arrays.head import Head
from interpreting_clip.arrays.pooled_layer import PREFIX as LAYERS
from interpreting_clip.arrays.pooled_layer import arrays_of_layers
from interpreting_clip.commands.encoder_list import GivenEncoder
from interpreting_clip.commands.given_files import METADATA, read_names, require_folder
from interpreting_clip.commands.image_folder import ImageFolder, read_folder, read_shifts
from interpreting_clip.commands.layer_options import chosen_layers, show_layers
from interpreting_clip.commands.named_encoder import name_encoder
from interpreting_clip.config.machine import Machine
from interpreting_clip.config.params import convert
from interpreting_clip.encoders.activations import several_activations, streamed_activations
from interpreting_clip.encoders.encoder import Classifier, Encoder
from interpreting_clip.encoders.encoder_entries import ComputeType, ZeroShotHead
from interpreting_clip.encoders.heads import prompt_templates, zero_shot_head
from interpreting_clip.encoders.layer_activations import Pool, recorded_layers
from interpreting_clip.encoders.weights import find_encoder
from interpreting_clip.errors import InputError, error_context, listed, one_line
from interpreting_clip.formats.array_files import SUFFIXES
from interpreting_clip.formats.tensors import write_rows, write_tensors

LONGEST_TEXT = 99_000_000
"""The most bytes of metadata: safetensors allow 100 MB, with the names of the arrays."""


@dataclass(frozen=True)
class Run:
    """What the options ask of every encoder."""

    images: ImageFolder
    shifts: dict[str, ImageFolder]
    class_names: list[str]
    templates: Sequence[str] | str
    head: bool
    precision: ComputeType
    machine: Machine
    layers: Sequence[str]
    pool: Pool

    @property
    def settings(self) -> dict[str, Any]:
        """The metadata that the options decide, whatever the encoder."""
        settings: dict[str, Any] = {"precision": self.precision, "images": self.images.names}
        if self.class_names:
            settings["class_names"] = self.class_names
        if self.shifts:
            settings["shifts"] = {name: shift.names for name, shift in self.shifts.items()}
        if not self.head:
            settings["no_head"] = True
        if self.layers:
            settings |= {"asked_layers": [*self.layers], "pool": self.pool}
        return settings


@dataclass
class Extraction:
    """An encoder's file in the making.

    Attributes
    ----------
    encoder : without its text tower
    about : the file's metadata
    layers : those whose outputs are recorded, too
    arrays : those that are there so far, by name
    error : why the activations could not be computed, if so
    """

    given: GivenEncoder
    out: Path
    encoder: Encoder
    about: str
    layers: Sequence[str]
    arrays: dict[str, np.ndarray]
    error: InputError | None = None


def extract_folder(given: GivenEncoder, options: argparse.Namespace) -> None:
    """Compute what the options name for one encoder, and write it whole or not at all."""
    if options.layers:
        machine = machine_of(options)
        show_layers(load_encoder(given, machine)[0], machine.device)
        return
    require_writable(options.to)
    run = read_run(options)
    one = prepare(given, options.to, run)
    for name, shift in run.shifts.items():
        pass_images([one], shift, f"shifts.{name}.activations", run)
    if one.out.suffix == ".npy" and one.error is None:
        rows = streamed_activations(one.encoder, run.images, run.machine, run.precision)
        with (
            recorded_layers(one.encoder.visual, one.layers, run.pool) as recorded,
            progress_bar(run.images) as bar,
            error_context(run.images.root),
        ):
            write_rows(one.out, activations_shape(one, run.images), counted(rows, bar))
        one.arrays |= arrays_of_layers(recorded.take())
    else:
        pass_images([one], run.images, "activations", run)
    if one.error is not None:
        raise one.error
    write_file(one, run)


def read_run(options: argparse.Namespace) -> Run:
    """Read the options, and the names of the images."""
    machine = machine_of(options)
    chosen = options.templates or ["openai_imagenet"]  # that of the studies on real images
    value = chosen[0] if len(chosen) == 1 and "{" not in chosen[0] else chosen
    templates = convert({"templates": value}, ZeroShotHead, "", "--template").templates
    images = read_folder(options.images)
    shifts = read_shifts(options.shifts, images)
    names = class_names(options.class_names, images)
    head, precision = not options.no_head, options.precision
    layers, pool = options.layer, options.pool or "mean"
    return Run(images, shifts, names, templates, head, precision, machine, layers, pool)


def load_encoder(given: GivenEncoder, machine: Machine) -> tuple[Encoder, dict[str, str]]:
    """Return the encoder that words name, and remarks on how it was loaded."""
    with encoder_context(given):
        named = name_encoder(given.words, given.backbone, given.random, given.keys)
        return find_encoder(*named, machine)


def prepare(given: GivenEncoder, out: Path, run: Run) -> Extraction:
    """Load an encoder and compute its head, and print how."""
    encoder, remarks = load_encoder(given, run.machine)
    layers = chosen_layers(encoder, run.layers, run.pool, run.machine.device)
    for folder in (run.images, *run.shifts.values()):
        if folder.ignored:
            others = f"{len(folder.ignored):,} of other kinds: {listed(folder.ignored, 1)}"
            remarks["left out" if folder is run.images else f"left out of {folder.root}"] = others
    head, about_head = None, "none, as asked for"
    if run.head:
        head, about_head = head_of(encoder, run)
    # Why a file's own head was left out, if it was, says more.
    remarks.setdefault("head", about_head)
    for subject, text in remarks.items():
        say(subject, text)
    about = {"encoder": str(given), "precision": run.precision, "card": card_of(encoder)}
    about |= run.settings
    if head is not None and encoder.card.kind == "clip":
        about["templates"] = prompt_templates(run.templates)
    if layers:
        about["layers"] = {"pool": run.pool, "names": layers}
        say("layers", f"{listed(layers)}; pool: {run.pool}")
    text = json.dumps(about, ensure_ascii=False)
    if (size := len(json.dumps(text, ensure_ascii=False).encode())) > LONGEST_TEXT:
        raise InputError(
            f"{run.images.root}: the names of images and classes take {size:,} bytes, and the file "
            f"can hold {LONGEST_TEXT:,}; pass a part of the images at a time"
        )
    card = encoder.card
    tower = Classifier(encoder.visual, card.feature_width, 0, card.normalize_features)
    return Extraction(given, out, Encoder(card, tower), text, layers, arrays_of(run, head))


def pass_images(
    extractions: Sequence[Extraction], images: ImageFolder, name: str, run: Run
) -> None:
    """Add the activations of images to the arrays of several encoders; each is decoded once.

    An encoder that fails has an error instead, while the others go on. A damaged image ends it for
    all of them.
    """
    if not (going := [one for one in extractions if one.error is None]):
        return
    for one in going:
        one.arrays[name] = np.empty(activations_shape(one, images), np.float32)
    batches = several_activations(
        [one.encoder for one in going], images, np.arange(len(images)), run.machine, run.precision
    )
    begin, size = 0, run.machine.batch_size
    with ExitStack() as hooks:
        recorded = [
            hooks.enter_context(recorded_layers(one.encoder.visual, one.layers, run.pool))
            for one in going
            if images is run.images
        ]
        bar = hooks.enter_context(progress_bar(images))
        for results in batches:
            for one, result in zip(going, results, strict=True):
                if isinstance(result, np.ndarray):
                    one.arrays[name][begin : begin + size] = result
                elif one.error is None:
                    one.error = InputError(f"{images.root}: {failure(result)}")
            bar.update(min(size, len(images) - begin))
            begin += size
    for one, layers in zip(going, recorded, strict=False):
        if one.error is None:
            one.arrays |= arrays_of_layers(layers.take())


def failure(error: Exception) -> str:
    """Return what to tell of an encoder's failure, in one line."""
    if isinstance(error, torch.OutOfMemoryError):
        return "the GPU has too little memory; set a smaller --batch-size"
    return re.sub(r"\s*\n\s*", "; ", str(error))


def activations_shape(one: Extraction, images: ImageFolder) -> tuple[int, int]:
    """Return the shape of an encoder's activations on images."""
    return len(images), one.encoder.card.feature_width


def progress_bar(images: ImageFolder) -> Any:
    """Return a progress bar that counts images."""
    return tqdm(total=len(images), desc="extract", unit="image", disable=None)


def write_file(one: Extraction, run: Run) -> None:
    """Write the arrays and the metadata of an encoder, and print what there is."""
    write_tensors(one.out.with_suffix(".safetensors"), one.arrays, {METADATA: one.about})
    shapes = {"activations": activations_shape(one, run.images)}
    # Those of layers were named before.
    others = {name: one.arrays[name] for name in one.arrays if not name.startswith(LAYERS)}
    shapes |= {name: array.shape for name, array in others.items()}
    sizes = (f"{name} {' × '.join(map(str, shape))}" for name, shape in shapes.items() if shape)
    say(str(one.out), ", ".join(sizes))


def say(subject: str, what: str) -> None:
    """Print a line about something."""
    sys.stdout.write(f"{one_line(f'{subject}: {what}')}\n")
    sys.stdout.flush()  # what follows may take hours


@contextmanager
def encoder_context(given: GivenEncoder) -> Iterator[None]:
    """Put the encoder in front of an error, in place of its path in a study."""
    try:
        yield
    except InputError as error:
        problem = str(error).removeprefix("weights: ").removeprefix("backbones: ")
        problem = problem.replace(" in params.yaml", "")
        # Errors about a file name it themselves.
        raise InputError(problem if given.backbone else f"{given.words}: {problem}") from error


def machine_of(options: argparse.Namespace) -> Machine:
    """Return the machine's settings that the options give."""
    keys = ("device", "batch_size", "workers", "downloads")
    given = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
    found = torch.cuda.is_available()
    machine = convert({"device": "cuda" if found else "cpu"} | given, Machine, "", "extract")
    try:
        torch.empty(1, device=machine.device)
    except (RuntimeError, AssertionError):
        instead = "the GPU" if found else "the CPU"
        raise InputError(
            f"--device {machine.device}: torch finds no such device; leave it out for {instead}"
        ) from None
    return machine


def require_writable(out: Path) -> None:
    """Refuse a file that is not ours or cannot be written, before hours of work."""
    if out.suffix not in SUFFIXES or out.is_dir():
        raise InputError(f"--to {out}: expected a file that ends in {' or '.join(SUFFIXES)}")
    require_folder(out.parent)
    beside, start = out.with_suffix(".safetensors"), b""
    if beside.exists():
        with beside.open("rb") as stream:
            start = stream.read(256)
    if METADATA.encode() not in start and (out.exists() or beside.exists()):
        there = out if out.exists() else beside
        raise InputError(f"{there}: not written by {METADATA}, so kept; name another file")


def class_names(file: Path | None, images: ImageFolder) -> list[str]:
    """Return the names of the classes: those in a file, or of the folders; none without either."""
    if file is None:
        return images.class_names
    names = read_names(file)
    if not names or not all(name.strip() for name in names):
        raise InputError(f"{file}: expected the name of a class in each line, got an empty one")
    if images.class_folders and len(names) != len(images.class_names):
        expected = f"{len(images.class_names):,} names, one a line"
        raise InputError(f"{file}: expected {expected}, got {len(names):,}")
    return names


def head_of(encoder: Encoder, run: Run) -> tuple[Head | None, str]:
    """Return the head to write, or None, and a description of it."""
    card, images, names = encoder.card, run.images, run.class_names
    if card.kind == "clip":
        if not names:
            return None, "none, for there are neither class folders nor --class-names"
        if ids := [name for name in names if re.fullmatch(r"n\d{8}", name)]:
            raise InputError(
                f"{images.root}: {ids[0]}: a prompt needs a name, and not all folders are classes "
                "of ImageNet; name them with --class-names, or write no head with --no-head"
            )
        encoder.module.to(run.machine.device)
        # IndexError: torch has no embedding for a token.
        beyond = "a text has a token beyond the text tower's vocabulary; get both from one model"
        with error_context(beyond, IndexError):
            rows = zero_shot_head(encoder, names, run.templates)
        return Head(rows, None, True), f"zero-shot, classes: {listed(names, 3)}"
    if encoder.head is None:
        return None, "none, for the encoder has none, as with random weights"
    rows = len(card.classes or [])
    if images.class_folders and not images.imagenet:
        return None, (
            f"none, for the encoder's own has {rows:,} classes of ImageNet, and the folders do not "
            "have the names of these, their WordNet ids"
        )
    made = Head(*encoder.trained_head(card.classes or []), card.normalize_features)
    return made, f"the encoder's own, {rows:,} classes"


def counted(blocks: Iterable[np.ndarray], bar: Any) -> Iterator[np.ndarray]:
    """Yield blocks of rows, and count the rows on a progress bar."""
    for block in blocks:
        bar.update(len(block))
        yield block


def card_of(encoder: Encoder) -> dict[str, Any]:
    """Return an encoder's card without the names of classes and the words of captions.

    An image tower without a head, such as one with random weights, has no `kind`: a study calls it
    a classifier.
    """
    card = msgspec.to_builtins(encoder.card)
    left_out = {"classes", "vocabulary"}
    if encoder.card.kind == "classifier" and encoder.head is None:
        left_out.add("kind")
    return {key: value for key, value in card.items() if key not in left_out}


def arrays_of(run: Run, head: Head | None) -> dict[str, np.ndarray]:
    """Return the arrays to write, but for the activations."""
    arrays, folders = dict[str, np.ndarray](), run.images.numbered_folders
    parts = {"": run.images, **{f"shifts.{name}.": shift for name, shift in run.shifts.items()}}
    for prefix, images in parts.items():
        if images.class_folders:
            classes = images.classes_among(folders)
            arrays[f"{prefix}class_indices"] = np.unique(classes)
            arrays[f"{prefix}classes"] = classes
    if head is not None:
        arrays |= {} if head.bias is None else {"bias": head.bias}
        arrays["weight"] = head.weight
        arrays["normalize_features"] = np.array(head.normalize_features, np.uint8)
    return arrays
