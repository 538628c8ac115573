"""Runs stages in this process, and compares the files that they read with dvc.yaml."""

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import read_card, write_absent, write_card
from interpreting_clip.datasets.shards import open_shards, write_images
from interpreting_clip.encoders.encoder import classifier_encoder, clip_encoder, save_encoder
from interpreting_clip.encoders.encoder_entries import Backbone
from interpreting_clip.encoders.tokenizer import build_vocabulary
from tests.integration.stages.two_encoders import tiny
from tests.pipeline.refusals import change

__all__ = ["tiny"]

ALIAS = {13: 0}
"""The class that `merge_a_class` counts as another, as in ObjectNet."""


TEMPLATES = ["a {}", "a photo of a {}"]

WEIGHTS = Path("data/weights")


@pytest.fixture
def encoders(study: Path) -> None:
    """Write a CLIP and a classifier of the images' classes, and a study that asks for more."""
    tree = load_tree(Path("params.yaml"))
    short = tree["recipes"]["finetuning"] | {"batch_size": 16, "pieces": 2}
    item = {"dataset": "imagenet_val", "recipe": "short"}
    # A coarse tolerance: with each step, rounding errors of two devices grow.
    fit = {"held_out": 0.2, "penalties": [0.1, 0.001], "iterations": 300, "tolerance": 0.01}
    learnt = {"dataset": "imagenet_train", "features": "before_projection"}
    encoder = tree["encoders"]["rn_untrained"]
    change(
        recipes={"short": short},
        heads={
            "zero_shot": {"templates": TEMPLATES},
            "random": {"seed": 4},
            "probe": {"images_per_class": 5, **fit},
        },
        pretrain={"trained": {"backbone": "rn", "dataset": "web_broad", "recipe": "short"}},
        finetune={"tuned": {"start": "clip", **item}},
        supervise={"labelled": {"backbone": "rn", "label_smoothing": 0.3, **item}},
        interpolate={"mixed": {"first": "clip", "second": "classifier", "alpha": 0.25}},
        probe={"probed": {"start": "clip", **learnt}},
        encoders={
            "clip": encoder | {"head": "zero_shot"},
            "classifier": encoder | {"head": "trained"},
            "probed": tree["encoders"]["rn_web_broad_probe"],
        },
        layers={"images": 32, "minibatch": 16},
        untrained={"rn": {"encoders": 3, "images": 7, "seed": 5}},
    )
    backbone = Params().read("backbones.rn", Backbone)
    classes = read_card(Path("data/datasets/imagenet_val")).classes
    words = build_vocabulary([template.replace("{}", c) for template in TEMPLATES for c in classes])
    save_encoder(WEIGHTS / "clip", clip_encoder(backbone, words, 1))
    classifier = classifier_encoder(backbone, classes, 2, normalize_features=True)
    with torch.no_grad():
        classifier.module.get_parameter("head.weight").normal_(generator=torch.manual_seed(0))
    save_encoder(WEIGHTS / "classifier", classifier)


@pytest.fixture
def one_shift(study: Path) -> None:
    """Take all shifts but the first from the study."""
    for name in TESTBED_SHIFTS[1:]:
        write_absent(name, Path("data/datasets") / name)


def merge_a_class(dataset: str) -> None:
    """Give a dataset a further class, and let another one count as its first."""
    folder = Path("data/datasets") / dataset
    card = read_card(folder)
    write_card(replace(card, class_indices=[*card.class_indices, 24], aliases=ALIAS), folder)


def truncate_image(dataset: str, broken: int = -1) -> None:
    """Cut the last 20 bytes off an image, by default the last one, in otherwise valid shards."""
    folder = Path("data/datasets") / dataset
    card = read_card(folder)
    with open_shards(folder) as shards:
        stored = [shards.stored(image) for image in range(len(shards))]
    stored[broken] = stored[broken][:-20]
    captions = shards.captions or [None] * len(stored)
    images = zip(stored, shards.classes.tolist(), captions, strict=True)
    write_card(replace(card, shards=write_images(images, 20, folder)), folder)
