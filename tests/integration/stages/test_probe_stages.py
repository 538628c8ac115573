"""The stages of a linear probe, and an encoder without a head of its own."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from interpreting_clip.config.params import Params
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.open_clip_models import seeded
from interpreting_clip.encoders.probed import choose_images, probed_encoder
from interpreting_clip.encoders.saved_activations import read_activations
from interpreting_clip.encoders.saved_heads import read_head
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import read_json
from interpreting_clip.training.linear_probe import fit_probe
from interpreting_clip.training.probes import ProbeSettings
from tests.integration.stages.conftest import WEIGHTS
from tests.pipeline.refusals import change
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


def test_a_tower_without_a_head_goes_through_every_stage_that_passes_images():
    """A file of timm's without a classifier, as self-supervised weights are."""
    import timm

    with seeded(0):
        save_file(timm.create_model("test_vit", num_classes=0).state_dict(), "dino.safetensors")
    file = {"file": "dino.safetensors", "sha256": file_digest(Path("dino.safetensors"))}
    learnt = {"dataset": "imagenet_train", "features": "embedding"}
    encoder = load_tree(Path("params.yaml"))["encoders"]["rn_untrained"]
    change(
        backbones={"tiny": {"kind": "timm", "model": "test_vit"}},
        weights={"dino": {"source": "checkpoint", "backbone": "tiny", **file}},
        probe={"probed": {"start": "dino", **learnt}},
        encoders={"dino": encoder},
    )
    run_stage("weights", "dino")
    run_stage("extract_train", "probed")
    run_stage("probe", "probed")
    found = {}
    for key, kind in (("dino", "random"), ("probed", "trained")):
        for stage in ("head", "extract", "extract_broden", "extract_layers"):
            run_stage(stage, key)
        assert read_head(Path("data/heads") / key, 64).weight.shape == (24, 64)
        assert read_json(Path(f"data/heads/{key}/card.json"))["kind"] == kind
        found[key] = read_activations(Path("data/activations") / key, "imagenet_val").values
    np.testing.assert_array_equal(found["dino"], found["probed"])
