"""`make check-encoder ENCODER=key`: check an encoder of params.yaml before anything is computed.

Loads the weights as stage `weights` does, which downloads what is not here yet, tries the head that
the study asks for, and passes one image forward. A folder of activations is read as stage `weights`
does it. Prints a line for each finding; exits 0 if the encoder can be measured, else 1.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import humanize
import numpy as np
from msgspec.structs import replace

from interpreting_clip.arrays.head import Head
from interpreting_clip.config.params import PARAMS, Params
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.encoders.activations import streamed_activations
from interpreting_clip.encoders.activations_folder import DATASETS
from interpreting_clip.encoders.encoder import Encoder, given_head
from interpreting_clip.encoders.encoder_card import EncoderCard, GivenCard, read_given_card
from interpreting_clip.encoders.heads import prompt_templates, zero_shot_head
from interpreting_clip.encoders.weights import Remarks, find_encoder
from interpreting_clip.errors import InputError, close_names, error_context, one_line
from interpreting_clip.kernels import Kernels, restart_with_kernels
from interpreting_clip.statistics.random_numbers import random_unit_rows
from interpreting_clip.study.check import check, lacks_tower
from interpreting_clip.study.sections import Sections
from interpreting_clip.synthetic.world import CLASSES, Recipe
from runner.machine_settings import Machine, read_machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("encoder", help="an entry of `weights`")


def main(encoder: str) -> None:
    """Print the findings about one encoder."""
    restart_with_kernels(Params().read("kernels", Kernels))
    study, machine, key = check(PARAMS), read_machine(), encoder
    if key not in study.weights:
        raise InputError(
            f"{PARAMS}: no encoder {key!r} in `weights`, and one that this study trains cannot be "
            f"checked before it is; {close_names(key, study.weights)}"
        )
    say("encoder", study_name(study, key))
    if lacks_tower(study, key):
        for name, finding in folder_findings(study, key, machine):
            say(name, finding)
        return
    entry = study.weights[key]
    backbone = study.backbones[entry.backbone]
    with error_context(f"'weights.{key}'"):
        tower, remarks = find_encoder(entry, backbone, machine)
        for name, finding in findings(study, key, tower, remarks):
            say(name, finding)
        noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
        # A single image needs no worker to load it.
        single, precision = replace(machine, workers=0), study.precision.inference
        features = next(streamed_activations(tower, [noise], single, precision))[0]
        spread = f"{features.min():.3g} to {features.max():.3g}"
        say("forward pass", f"noise: {len(features):,} features from {spread}")
    if key in study.encoders:
        with error_context(f"'encoders.{key}.head'"):
            if study.encoders[key].head == "trained" and "head" in remarks:
                raise InputError(remarks["head"])
            say("head", head_finding(study, key, tower))


def say(name: str, finding: str) -> None:
    """Print one line and flush it, since a large encoder takes a while."""
    sys.stdout.write(f"{name:<16}{one_line(finding)}\n")
    sys.stdout.flush()


def study_name(study: Sections, key: str) -> str:
    """Return the study's name for an encoder, and its use."""
    if about := study.encoders.get(key):
        return f"{key}: {about.label} ({about.training}, head {about.head})"
    probes = [name for name, probe in study.probe.items() if probe.start == key]
    return f"{key}: without a head, for the linear probe {', '.join(probes)}"


def findings(
    study: Sections, key: str, encoder: Encoder, remarks: Remarks
) -> Iterator[tuple[str, str]]:
    """Yield the findings about an encoder that need no forward pass."""
    card, entry = encoder.card, study.weights[key]
    origin, state = card.origin, encoder.module.state_dict()
    numbers = humanize.metric(sum(value.numel() for value in state.values()))
    model = getattr(study.backbones[entry.backbone], "model", entry.backbone)
    if origin is None:
        yield "weights", f"drawn from a seed: {numbers} numbers for {model}"
    else:
        place = origin.location + (f" at {origin.revision}" if origin.revision else "")
        yield "weights", f"{place}, SHA-256 {origin.sha256[:12]}…"
        yield "", f"{len(state):,} arrays of {numbers} numbers, all fit {model}"
    if "taken" in remarks:
        yield "", f"taken: {remarks['taken']}"
    yield "preprocessing", remarks["preprocessing"]
    if "warning" in remarks:
        yield "warning", remarks["warning"]
    yield "representation", f"{card.representation}, {card.feature_width:,} features"


def folder_findings(study: Sections, key: str, machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield the findings about a folder of activations, whose arrays are stored for a moment."""
    entry = study.weights[key]
    (scratch := Path(".scratch")).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder, error_context(f"'weights.{key}'"):
        weights = Path(folder)
        entry.write_arrays(machine, weights)
        card = read_given_card(weights)
        yield (
            "activations",
            f"{card.origin.location}, manifest's SHA-256 {card.origin.sha256[:12]}…",
        )
        yield "representation", f"{card.representation}, {card.feature_width:,} features"
        probes = {entry.dataset: name for name, entry in study.probe.items() if entry.start == key}
        if missing := sorted(probes.keys() - card.orders.keys()):
            raise InputError(
                f"{card.origin.location}: there are no activations of {missing[0]}, which "
                f"'probe.{probes[missing[0]]}' learns from; write them into the folder"
            )
        if about := study.encoders.get(key):
            drawn = about.head == "random"
            head = random_head(study, card) if drawn else given_head(weights, class_names(study))
            yield "head", described_head(study, key, head)
        shifts = {e.shift: name for name, e in study.shift_encoders.items() if e.encoder == key}
        if missing := sorted(shifts.keys() - card.orders.keys()):
            raise InputError(
                f"{card.origin.location}: there are no activations of {missing[0]}, which "
                f"'shift_encoders.{shifts[missing[0]]}' measures; write them into the folder"
            )
        known = {*DATASETS, *shifts, *probes}
        for name in sorted(known | card.orders.keys()):
            if name not in known:
                yield name, "not used: nothing of this name is measured with the encoder"
            elif name in card.orders:
                yield name, "there"
            elif name != "imagenet_train":
                yield name, "none: nothing is measured on it"


def described_head(study: Sections, key: str, head: Head) -> str:
    """Describe a head by its kind, its shape and the length of the features that it takes."""
    scale = "of unit length" if head.normalize_features else "as they are"
    shape = f"{len(class_names(study)):,} classes × {head.weight.shape[1]:,} features"
    return f"{study.encoders[key].head}: {shape} {scale}"


def head_finding(study: Sections, key: str, encoder: Encoder) -> str:
    """Describe the head that the study asks for, made as stage `head` makes it.

    A zero-shot head is made with one template for two classes.
    """
    kind, names = study.encoders[key].head, class_names(study)
    if kind == "zero_shot":
        template = prompt_templates(study.heads.zero_shot.templates)[:1]
        weight, width = zero_shot_head(encoder, names[:2], template), encoder.card.feature_width
        if weight.shape[1] != width:
            raise InputError(
                f"texts have {weight.shape[1]:,} features and images {width:,}; the towers are "
                "not of one CLIP"
            )
        made, more = Head(weight, None, True), "from texts, 2 classes tried"
    elif kind == "random":
        made, more = random_head(study, encoder.card), "drawn"
    else:
        made = Head(*encoder.trained_head(names), encoder.card.normalize_features)
        more = "the file's own" + (", without a bias" if made.bias is None else ", with a bias")
    return f"{described_head(study, key, made)}, {more}"


def random_head(study: Sections, card: EncoderCard | GivenCard) -> Head:
    """Return the random head that stage `head` draws for an encoder."""
    names, seed = class_names(study), study.heads.random.seed
    rows = random_unit_rows(len(names), card.feature_width, seed)
    return Head(rows, None, card.normalize_features)


def class_names(study: Sections) -> list[str]:
    """Return the names of the classes of `imagenet_val`, drawn or real."""
    drawn = isinstance(study.datasets[TEST_SETS[0]], Recipe)
    return list(CLASSES) if drawn else read_imagenet_classes().names
