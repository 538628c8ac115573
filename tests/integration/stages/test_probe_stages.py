"""The stages of a linear probe, and an encoder without a head of its own."""

from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.params import Params
from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.probed import choose_images, probed_encoder
from interpreting_clip.formats.json import read_json
from interpreting_clip.training.linear_probe import fit_probe
from interpreting_clip.training.probes import ProbeSettings
from tests.integration.stages.conftest import WEIGHTS
from tests.reads import run_stage
from tests.unit.encoders.conftest import activations

pytestmark = pytest.mark.usefixtures("encoders", "one_shift")

TRAIN, LEARNT = Path("data/datasets/imagenet_train"), Path("data/train_activations/probed")


def test_a_probe_learns_from_the_images_and_features_of_its_entry(capsys):
    run_stage("extract_train", "probed")
    learnt, classes = np.load(LEARNT / "activations.npy", "r"), np.load(LEARNT / "classes.npy")
    names = read_card(TRAIN).classes
    with open_shards(TRAIN) as images:
        rows = choose_images(images.classes, names, 5)
        np.testing.assert_array_equal(classes, images.classes[rows])
        chosen = np.stack([images[row] for row in rows.tolist()])
    start = probed_encoder(load_encoder(WEIGHTS / "clip"), "before_projection")
    np.testing.assert_array_equal(learnt, activations(start, chosen))
    run_stage("probe", "probed")
    settings = Params().read("heads.probe", ProbeSettings)
    expected = fit_probe(learnt, classes, settings)
    head = load_encoder(WEIGHTS / "probed").trained_head(names)
    for found, own in zip(head, (expected.head.weight, expected.head.bias), strict=True):
        np.testing.assert_array_equal(found, own.astype(np.float32))
    said = read_json(Path("data/training/probed/probe.json"))
    assert said["penalty"] == expected.penalty and len(said["tried"]) == 2
    assert f"penalty {expected.penalty:g}: held out, " in capsys.readouterr().out
