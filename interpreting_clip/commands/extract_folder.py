"""The command `extract` at work: an encoder's activations on a folder of images."""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from tqdm import tqdm

from interpreting_clip.arrays.head import Head
from interpreting_clip.arrays.pooled_layer import arrays_of_layers
from interpreting_clip.commands.given_files import METADATA, read_names, require_folder
from interpreting_clip.commands.image_folder import ImageFolder, read_folder
from interpreting_clip.commands.layer_options import chosen_layers, show_layers
from interpreting_clip.commands.named_encoder import name_encoder
from interpreting_clip.config.machine import Machine
from interpreting_clip.config.params import convert
from interpreting_clip.encoders.activations import streamed_activations
from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.encoders.encoder_entries import ZeroShotHead
from interpreting_clip.encoders.heads import prompt_templates, zero_shot_head
from interpreting_clip.encoders.layer_activations import recorded_layers
from interpreting_clip.encoders.weights import find_encoder
from interpreting_clip.errors import InputError, error_context, listed, one_line
from interpreting_clip.formats.array_files import SUFFIXES
from interpreting_clip.formats.tensors import stacked, write_rows, write_tensors

LONGEST_TEXT = 99_000_000
"""The most bytes of metadata: safetensors allow 100 MB, with the names of the arrays."""


def extract_folder(options: argparse.Namespace) -> None:
    """Compute what the options name, and write it whole or not at all."""
    out, machine = options.to, machine_of(options)
    chosen = options.templates or ["openai_imagenet"]  # that of the studies on real images
    value = chosen[0] if len(chosen) == 1 and "{" not in chosen[0] else chosen
    templates = convert({"templates": value}, ZeroShotHead, "", "--template").templates
    if not options.layers:
        require_writable(out)
    images = read_folder(options.images)
    names = class_names(options.class_names, images)
    with encoder_context(options):
        named = name_encoder(options.encoder, options.backbone, options.random, options.keys)
        encoder, remarks = find_encoder(*named, machine)
    if options.layers:
        show_layers(encoder, machine.device)
        return
    layers, pool = chosen_layers(encoder, options, machine.device), options.pool or "mean"
    if images.ignored:
        number = len(images.ignored)
        remarks["left out"] = f"{number:,} of other kinds: {listed(images.ignored, 1)}"
    head, about_head = None, "none, as asked for"
    if not options.no_head:
        head, about_head = head_of(encoder, images, names, templates, machine.device)
    # Why a file's own head was left out, if it was, says more.
    remarks.setdefault("head", about_head)
    for subject, text in remarks.items():
        say(subject, text)
    words = [options.encoder]
    words += [] if options.backbone is None else ["--backbone", options.backbone]
    words += [] if options.random is None else ["--random", str(options.random)]
    words += [word for key in options.keys for word in ("--with", key)]
    about = {
        "encoder": shlex.join(words),
        "precision": options.precision,
        "card": card_of(encoder),
        "images": images.names,
    }
    if names:
        about["class_names"] = names
    if head is not None and encoder.card.kind == "clip":
        about["templates"] = prompt_templates(templates)
    if layers:
        about["layers"] = {"pool": pool, "names": layers}
        say("layers", f"{listed(layers)}; pool: {pool}")
    text = json.dumps(about, ensure_ascii=False)
    if (size := len(json.dumps(text, ensure_ascii=False).encode())) > LONGEST_TEXT:
        raise InputError(
            f"{images.root}: the names of images and classes take {size:,} bytes, and the file can "
            f"hold {LONGEST_TEXT:,}; pass a part of the images at a time"
        )
    arrays, shape = arrays_of(images, head), (len(images), encoder.card.feature_width)
    shapes = {"activations": shape, **{name: one.shape for name, one in arrays.items()}}
    rows = streamed_activations(encoder, images, machine, options.precision)
    with (
        recorded_layers(encoder.visual, layers, pool) as recorded,
        tqdm(total=len(images), desc="extract", unit="image", disable=None) as bar,
    ):
        if out.suffix == ".npy":
            write_rows(out, shape, counted(rows, bar))
        else:
            arrays["activations"] = stacked(shape, counted(rows, bar))
    arrays |= arrays_of_layers(recorded.take())
    write_tensors(out.with_suffix(".safetensors"), arrays, {METADATA: text})
    sizes = (f"{name} {' × '.join(map(str, one))}" for name, one in shapes.items() if one)
    say(str(out), ", ".join(sizes))


def say(subject: str, what: str) -> None:
    """Print a line about something."""
    sys.stdout.write(f"{one_line(f'{subject}: {what}')}\n")
    sys.stdout.flush()  # what follows may take hours


@contextmanager
def encoder_context(options: argparse.Namespace) -> Iterator[None]:
    """Put the encoder in front of an error, in place of its path in a study."""
    try:
        yield
    except InputError as error:
        problem = str(error).removeprefix("weights: ").removeprefix("backbones: ")
        problem = problem.replace(" in params.yaml", "")
        # Errors about a file name it themselves.
        raise InputError(
            problem if options.backbone else f"{options.encoder}: {problem}"
        ) from error


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


def head_of(
    encoder: Encoder, images: ImageFolder, names: list[str], templates: Any, device: str
) -> tuple[Head | None, str]:
    """Return the head to write, or None, and a description of it."""
    card = encoder.card
    if card.kind == "clip":
        if not names:
            return None, "none, for there are neither class folders nor --class-names"
        if ids := [name for name in names if re.fullmatch(r"n\d{8}", name)]:
            raise InputError(
                f"{images.root}: {ids[0]}: a prompt needs a name, and not all folders are classes "
                "of ImageNet; name them with --class-names, or write no head with --no-head"
            )
        encoder.module.to(device)
        # IndexError: torch has no embedding for a token.
        beyond = "a text has a token beyond the text tower's vocabulary; get both from one model"
        with error_context(beyond, IndexError):
            rows = zero_shot_head(encoder, names, templates)
        return Head(rows, None, True), f"zero-shot, classes: {listed(names, 3)}"
    if encoder.head is None:
        return None, "none, for the encoder has no head"
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


def arrays_of(images: ImageFolder, head: Head | None) -> dict[str, np.ndarray]:
    """Return the arrays to write, but for the activations."""
    arrays: dict[str, np.ndarray] = {}
    if images.class_folders:
        arrays |= {"class_indices": np.unique(images.classes), "classes": images.classes}
    if head is not None:
        arrays |= {} if head.bias is None else {"bias": head.bias}
        arrays["weight"] = head.weight
        arrays["normalize_features"] = np.array(head.normalize_features, np.uint8)
    return arrays
