"""The stages that make datasets, encoders and activations do it from the inputs they name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from interpreting_clip.arrays.pooled_layer import layers_in
from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import is_absent, read_card, write_absent
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import (
    Encoder,
    classifier_encoder,
    initialise,
    load_encoder,
)
from interpreting_clip.encoders.encoder_entries import Backbone
from interpreting_clip.encoders.heads import classifier_from_clip, zero_shot_head
from interpreting_clip.encoders.layers import evenly_spaced_minibatches, layer_grams
from interpreting_clip.encoders.saved_activations import read_activations
from interpreting_clip.encoders.saved_activations import read_card as read_activations_card
from interpreting_clip.encoders.saved_heads import read_head
from interpreting_clip.formats.csv_tables import read_curve
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.statistics.grams import OutlierLimits
from interpreting_clip.statistics.random_numbers import random_unit_rows
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.contrastive import pretrain
from interpreting_clip.training.recipes import TrainingRecipe
from interpreting_clip.training.supervised import train_classifier
from runner.machine_settings import Machine
from stages.cka import read_grams
from tests.integration.stages.conftest import TEMPLATES, WEIGHTS, merge_a_class
from tests.pipeline.refusals import change
from tests.reads import digests, run_stage
from tests.unit.encoders.conftest import activations, layer_features

pytestmark = pytest.mark.usefixtures("encoders")

DATASETS = Path("data/datasets")


def backbone() -> Backbone:
    return Params().read("backbones.rn", Backbone)


def recipe() -> TrainingRecipe:
    return Params().read("recipes.short", TrainingRecipe)


Trained = tuple[Encoder, list[object]]


def pretrained() -> Trained:
    with open_shards(DATASETS / "web_broad") as data:
        captions = data.captions or []
        encoder = pretrain(recipe(), backbone(), data, captions, callbacks=Callbacks())
    return encoder, [recipe(), backbone(), "", digests(DATASETS / "web_broad")]


def finetuned() -> Trained:
    start, card = load_encoder(WEIGHTS / "clip"), read_card(DATASETS / "imagenet_val")
    weight = zero_shot_head(start, card.classes, TEMPLATES)
    encoder = classifier_from_clip(start, weight, card.classes)
    with open_shards(DATASETS / "imagenet_val") as data:
        train_classifier(encoder, recipe(), data, data.classes, callbacks=Callbacks())
    return encoder, [recipe(), TEMPLATES, "", digests(WEIGHTS / "clip", DATASETS / "imagenet_val")]


def supervised() -> Trained:
    card, seed = read_card(DATASETS / "imagenet_val"), recipe().seed
    encoder = classifier_encoder(backbone(), card.classes, seed, normalize_features=False)
    with open_shards(DATASETS / "imagenet_val") as data:
        train_classifier(
            encoder, recipe(), data, data.classes, label_smoothing=0.3, callbacks=Callbacks()
        )
    return encoder, [recipe(), 0.3, backbone(), "", digests(DATASETS / "imagenet_val")]


@pytest.mark.parametrize(
    ("stage", "key", "train"),
    [
        ("pretrain", "trained", pretrained),
        ("finetune", "tuned", finetuned),
        ("supervise", "labelled", supervised),
    ],
)
def test_a_training_learns_from_the_inputs_of_its_entry(monkeypatch, stage, key, train):
    facts: list[object] = []  # which decide where a training is resumed
    note = lambda *given: facts.extend(given) or "training"  # noqa: E731
    monkeypatch.setattr("interpreting_clip.training.callbacks.training_key", note)
    run_stage(stage, key)
    (expected, resumed), found = train(), load_encoder(WEIGHTS / key)
    assert found.card == expected.card
    state = expected.module.state_dict()
    assert all(torch.equal(state[k], value) for k, value in found.module.state_dict().items())
    assert facts == ["cpu", *resumed]
    assert read_curve(Path("data/training") / key)


def test_interpolate_mixes_the_first_with_a_quarter_of_the_second():
    run_stage("interpolate", "mixed")
    first, second, mixed = (
        load_encoder(WEIGHTS / key).visual.state_dict() for key in ("clip", "classifier", "mixed")
    )
    name = "attnpool.c_proj.weight"
    torch.testing.assert_close(mixed[name], 0.75 * first[name] + 0.25 * second[name])
    assert read_curve(Path("data/training/mixed")) == []


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        *(("clip", "zero_shot"), ("classifier", "trained")),
        *(("clip", "random"), ("rn_untrained", "random")),
    ],
)
def test_a_head_is_of_its_kind_and_normalises_as_its_encoder(key, kind):
    run_stage("weights", "rn_untrained")
    change(encoders={key: load_tree(Path("params.yaml"))["encoders"][key] | {"head": kind}})
    run_stage("head", key)
    found, encoder = read_head(Path("data/heads") / key, 64), load_encoder(WEIGHTS / key)
    classes = read_card(DATASETS / "imagenet_val").classes
    if kind == "zero_shot":
        weight = zero_shot_head(encoder, classes, TEMPLATES)
    elif kind == "trained":
        weight, _ = encoder.trained_head(classes)
    else:
        weight = random_unit_rows(24, 64, 4).astype(np.float32)
    np.testing.assert_array_equal(found.weight, weight)
    assert found.normalize_features == (key != "rn_untrained") and found.bias is None
    assert read_json(Path("data/heads") / key / "card.json")["kind"] == kind


def test_extract_records_the_encoder_on_every_set_that_there_is():
    for name in TESTBED_SHIFTS[1:]:
        shutil.copytree(DATASETS / "imagenet_v2", DATASETS / name, dirs_exist_ok=True)
    shutil.rmtree(DATASETS / "imagenet_a")
    write_absent("imagenet_a", DATASETS / "imagenet_a")
    merge_a_class("objectnet")
    run_stage("extract", "clip")
    folder = Path("data/activations/clip")
    shifts = [shift for shift in TESTBED_SHIFTS if shift != "imagenet_a"]
    facts = {"representation": "linear", "feature_width": 64, "shifts": shifts}
    assert read_activations_card(folder) == facts | {"not_given": []}
    for name in ("imagenet_val", *shifts):
        found, card = read_activations(folder, name), read_card(DATASETS / name)
        assert found.class_indices.tolist() == card.class_indices
        assert found.aliases == card.aliases
        with open_shards(DATASETS / name) as data:
            np.testing.assert_array_equal(found.classes, data.classes)
            expected = activations(load_encoder(WEIGHTS / "clip"), data)
            np.testing.assert_array_equal(found.values, expected)


def test_extract_shift_records_the_encoder_of_its_entry_on_the_shift():
    shutil.copytree(DATASETS / "imagenet_v2", Path("data/shifts/mine"))
    change(shift_encoders={"entry": {"shift": "mine", "encoder": "classifier"}})
    run_stage("extract_shift", "entry")
    (file,) = Path("data/shift_activations/entry").iterdir()
    found = read_activations(file.parent, "mine")
    with open_shards(DATASETS / "imagenet_v2") as data:
        np.testing.assert_array_equal(found.classes, data.classes)
        assert found.class_indices.tolist() == data.card.class_indices
        expected = activations(load_encoder(WEIGHTS / "classifier"), data)
    np.testing.assert_array_equal(found.values, expected)


def test_extract_broden_records_the_probe_images_in_their_order():
    run_stage("extract_broden", "classifier")
    with open_broden(DATASETS / "broden") as broden:
        expected = activations(load_encoder(WEIGHTS / "classifier"), broden, 256)
    found = read_tensors(Path("data/broden_activations/classifier/activations.safetensors"))
    np.testing.assert_array_equal(found["activations"], expected)
    write_absent("broden", DATASETS / "broden")
    run_stage("extract_broden", "clip")
    assert is_absent(Path("data/broden_activations/clip"))


def test_extract_layers_records_evenly_spaced_images():
    change(cka={"outlier_sigma": 2.5, "outlier_share": 0.9})
    run_stage("extract_layers", "clip")
    with open_shards(DATASETS / "imagenet_val") as data:
        rows = evenly_spaced_minibatches(len(data), 32, 16)
        encoder = load_encoder(WEIGHTS / "clip")
        limits = OutlierLimits(2.5, 0.9)
        expected = layer_grams(encoder, data, rows, Machine(), "float32", limits=limits)
    folder = Path("data/layer_grams/clip")
    assert expected.rest and len(expected.rest) < len(expected.whole)
    found = read_grams(folder)
    np.testing.assert_equal(found.whole, expected.whole)
    np.testing.assert_equal(found.rest, expected.rest)
    assert list(found.outliers.items()) == list(expected.outliers.items())
    pooled = Path("data/layer_activations/clip")
    order = read_json(pooled / "card.json")["layers"]
    assert order == list(expected.whole)
    layers = layers_in(read_tensors(pooled / "layers.safetensors"), order)
    with open_shards(DATASETS / "imagenet_val") as data:
        images = np.stack([data[i] for i in rows.ravel().tolist()])
    np.testing.assert_allclose(
        layers[order[-1]].activations, activations(encoder, images), rtol=1e-5, atol=1e-6
    )
    for layer, features in layer_features(encoder, images).items():
        largest = features.abs().amax(dim=1).numpy()
        np.testing.assert_allclose(layers[layer].largest, largest, rtol=1e-5)


def test_extract_untrained_records_every_seed_on_evenly_spaced_images():
    run_stage("extract_untrained", "rn")
    folder = Path("data/untrained_activations/rn")
    found = read_tensors(folder / "activations.safetensors")["activations"]
    assert found.shape == (3, 7, 64)
    with open_shards(DATASETS / "imagenet_val") as data:
        images = np.stack([data[i * len(data) // 7] for i in range(7)])
    for seed, values in enumerate(found, 5):
        expected = activations(initialise(backbone(), seed), images)
        np.testing.assert_array_equal(values, expected)
    assert read_json(folder / "card.json") == {"representation": "linear"}
    assert len(np.unique(found[:, 0, 0])) == 3
