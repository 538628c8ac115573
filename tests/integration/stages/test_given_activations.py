"""An encoder whose activations were computed elsewhere stands in the study like any other."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from interpreting_clip.datasets.card import is_absent, read_card, write_card
from interpreting_clip.datasets.shards import open_shards, write_images
from interpreting_clip.encoders.activations_folder import write_activations_folder
from interpreting_clip.encoders.saved_activations import read_activations
from interpreting_clip.encoders.saved_heads import read_head
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.tensors import read_tensors
from tests.integration.stages.conftest import ALIAS, merge_a_class
from tests.pipeline.refusals import change, refused
from tests.reads import run_stage
from tools import image_list

pytestmark = pytest.mark.usefixtures("one_shift")

DATASETS, FOLDER, FEATURES = Path("data/datasets"), Path("elsewhere/mine"), 16
NAMES = ("imagenet_val", "imagenet_v2", "broden")
ENTRY = {"label": "Mine", "training": "supervised", "backbone": "jax", "data": "mine"}


def give(*names: str, head_kind: str = "trained", **more: Any) -> dict[str, np.ndarray]:
    """Write a folder of activations on some datasets, and an encoder `mine` that has it."""
    image_list.main(names)
    arrays = {}
    for name in names:
        rows = len(Path(f"lists/{name}.csv").read_text().splitlines()) - 1
        rng = np.random.default_rng(len(name))
        arrays[name] = rng.standard_normal((rows, FEATURES)).astype(np.float32)
    sha256 = write_activations_folder(FOLDER, arrays, "lists", **more)
    entry = {"source": "activations", "backbone": "jax", "folder": str(FOLDER), "sha256": sha256}
    change(
        backbones={"jax": {"kind": "external", "model": "a net in JAX"}},
        weights={"mine": {**entry, "representation": "rectified", "normalize_features": False}},
        encoders={"mine": {**ENTRY, "head": head_kind}},
        heads={"random": {"seed": 4}},
    )
    return arrays


def run_all(*stages: str, key: str = "mine") -> None:
    for stage in stages:
        run_stage(stage, key)


def test_every_stage_takes_what_the_folder_has():
    merge_a_class("imagenet_v2")
    classes = read_card(DATASETS / "imagenet_val").classes
    weight, bias = np.eye(len(classes), FEATURES), np.arange(len(classes))
    arrays = give(*NAMES, head=weight, bias=bias, classes=classes)
    run_all("weights", "extract", "extract_broden", "head")
    out = Path("data/activations/mine")
    for name, aliases in zip(NAMES[:2], ({}, ALIAS), strict=True):
        found = read_activations(out, name)
        np.testing.assert_array_equal(found.values, arrays[name])
        with open_shards(DATASETS / name) as images:
            np.testing.assert_array_equal(found.classes, images.classes)
            assert found.class_indices.tolist() == images.card.class_indices
        assert found.aliases == aliases
    facts = {"representation": "rectified", "feature_width": FEATURES, "shifts": ["imagenet_v2"]}
    assert read_json(out / "card.json") == facts
    file = Path("data/broden_activations/mine/activations.safetensors")
    np.testing.assert_array_equal(read_tensors(file)["activations"], arrays["broden"])
    head = read_head(Path("data/heads/mine"), FEATURES)
    np.testing.assert_array_equal(head.weight, weight)
    np.testing.assert_array_equal(np.asarray(head.bias), bias)
    assert not head.normalize_features


def test_what_the_folder_lacks_is_absent_and_a_head_may_be_random():
    give("imagenet_val", head_kind="random")
    run_all("weights", "extract", "extract_broden", "extract_layers", "head")
    card = read_json(Path("data/activations/mine/card.json"))
    assert (card["shifts"], card["not_given"]) == ([], ["imagenet_v2"])
    assert is_absent(Path("data/broden_activations/mine"))
    run_stage("layer_outliers", "mine")
    for name in ("layer_grams", "layer_activations", "layer_outliers"):
        assert is_absent(Path("data") / name / "mine")
    assert read_head(Path("data/heads/mine"), FEATURES).weight.shape == (24, FEATURES)


def test_a_shift_of_the_study_s_own_takes_what_the_folder_has_or_names_it():
    shutil.copytree(DATASETS / "imagenet_v2", Path("data/shifts/night"))
    change(shifts={"night": {}}, shift_encoders={"entry": {"shift": "night", "encoder": "mine"}})
    arrays = give("imagenet_val", "night", head_kind="random")
    run_all("weights", "extract")
    run_all("extract_shift", key="entry")
    found = read_activations(Path("data/shift_activations/entry"), "night").values
    np.testing.assert_array_equal(found, arrays["night"])
    assert not Path("data/activations/mine/night.safetensors").exists()
    give("imagenet_val", head_kind="random")
    run_all("weights")
    assert "expected activations of night" in refused("extract_shift", "entry")


def test_a_probe_learns_from_given_activations():
    fit = {"held_out": 0.2, "penalties": [0.01], "iterations": 500, "tolerance": 0.001}
    learnt = {"start": "mine", "dataset": "imagenet_train", "features": "embedding"}
    change(
        heads={"probe": {"images_per_class": 5, **fit}},
        probe={"probed": learnt},
        encoders={"probed": {**ENTRY, "training": "probed", "head": "trained"}},
    )
    arrays = give("imagenet_val", "imagenet_train")
    run_all("weights")
    run_all("extract_train", "probe", "head", "extract", key="probed")
    learnt = Path("data/train_activations/probed")
    chosen, classes = np.load(learnt / "activations.npy"), np.load(learnt / "classes.npy")
    with open_shards(DATASETS / "imagenet_train") as images:
        every = [*zip(images.classes, arrays["imagenet_train"].tolist(), strict=True)]
    assert 24 < len(chosen) <= 5 * 24
    assert all(row in every for row in zip(classes, chosen.tolist(), strict=True))
    found = read_activations(Path("data/activations/probed"), "imagenet_val").values
    np.testing.assert_array_equal(found, arrays["imagenet_val"])
    head = read_head(Path("data/heads/probed"), FEATURES)
    predicted = np.argmax(chosen @ head.weight.T + np.asarray(head.bias), axis=1)
    assert (predicted == classes).mean() > 0.5
    give("imagenet_val")
    run_all("weights")
    assert "no activations of imagenet_train" in refused("extract_train", "probed")


def test_activations_of_other_images_are_refused():
    give(*NAMES)
    run_all("weights")
    folder = DATASETS / "imagenet_v2"
    with open_shards(folder) as images:
        stored = [(images.stored(i), int(images.classes[i]), None) for i in (1, 0, *range(2, 30))]
    write_card(replace(read_card(folder), shards=write_images(stored, 20, folder)), folder)
    said = refused("extract", "mine")
    assert re.match("elsewhere/mine: .*another order.*tools image-list imagenet_v2", said)
    run_stage("extract_broden", "mine")  # its images are as they were


def test_a_head_for_other_classes_is_refused():
    classes = read_card(DATASETS / "imagenet_val").classes
    weight, other = np.ones((len(classes), FEATURES)), [classes[1], classes[0], *classes[2:]]
    give("imagenet_val", head=weight, classes=other)
    run_all("weights")
    assert refused("head", "mine").startswith("elsewhere/mine: class 0 of the head")
