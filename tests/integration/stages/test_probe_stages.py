"""The stages of a linear probe: what they read, what they write, and what they refuse."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from interpreting_clip.config.encoders import Backbone
from interpreting_clip.config.params import Params
from interpreting_clip.config.probes import ProbeSettings
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import read_card, write_absent
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import clip_encoder, load_encoder, save_encoder
from interpreting_clip.encoders.open_clip_models import seeded
from interpreting_clip.encoders.probed import choose_images, probed_encoder
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.saved_activations import read_activations
from interpreting_clip.formats.saved_heads import read_head
from interpreting_clip.formats.tables import read_curve
from interpreting_clip.training.linear_probe import fit_probe
from tests.pipeline.refusals import change
from tests.reads import run_stage
from tests.unit.encoders.conftest import activations

TRAIN, LEARNT = Path("data/datasets/imagenet_train"), Path("data/train_activations/probed")
WEIGHTS = Path("data/weights")
FIT = {"held_out": 0.2, "penalties": [0.1, 0.001], "iterations": 300, "tolerance": 0.01}


@pytest.fixture(autouse=True)
def encoders(study: Path) -> None:
    """Draw 200 train images, and write a CLIP that a probe reads before its projection."""
    tree = load_tree(Path("params.yaml"))
    drawn = tree["datasets"]["imagenet_train"] | {"images": 200}
    entry = {"start": "clip", "dataset": "imagenet_train", "features": "before_projection"}
    change(
        datasets={"imagenet_train": drawn},
        heads={"probe": {"images_per_class": 5, **FIT}},
        probe={"probed": entry},
        encoders={"probed": tree["encoders"]["rn_web_broad_probe"]},
    )
    run_stage("fetch", "imagenet_train")
    backbone = Params().read("backbones.rn", Backbone)
    save_encoder(WEIGHTS / "clip", clip_encoder(backbone, Vocabulary(["fish"]), 1))


def test_a_probe_learns_from_the_images_and_features_of_its_entry(run: Callable):
    run("extract_train", "probed")
    found, names = read_activations(LEARNT, "imagenet_train"), read_card(TRAIN).classes
    start = load_encoder(WEIGHTS / "clip")
    with open_shards(TRAIN) as images:
        rows = choose_images(images.classes, names, 5)
        np.testing.assert_array_equal(found.classes, images.classes[rows])
        chosen = np.stack([images[row] for row in rows.tolist()])
    expected = activations(probed_encoder(start, "before_projection"), chosen)
    np.testing.assert_array_equal(found.values, expected)
    assert found.values.shape[1] == 256 and len(rows) < 200
    assert read_json(LEARNT / "card.json") == {"classes": names}


def test_the_head_is_that_of_the_fit_and_every_later_stage_has_it(run: Callable, capsys):
    run_stage("extract_train", "probed")
    run("probe", "probed")
    learnt = read_activations(LEARNT, "imagenet_train")
    settings = Params().read("heads.probe", ProbeSettings)
    expected = fit_probe(learnt.values, learnt.classes, settings)
    encoder, names = load_encoder(WEIGHTS / "probed"), read_card(TRAIN).classes
    weight, bias = encoder.trained_head(names)
    np.testing.assert_array_equal(weight, expected.head.weight.astype(np.float32))
    np.testing.assert_array_equal(bias, expected.head.bias.astype(np.float32))
    assert read_curve(Path("data/training/probed")) == []
    said = read_json(Path("data/training/probed/probe.json"))
    assert said["penalty"] == expected.penalty and len(said["tried"]) == 2
    assert f"penalty {expected.penalty:g}: held out, " in capsys.readouterr().out
    # its classifier as a module, and the head on activations as the measures have them
    with open_shards(TRAIN) as images:
        pixels = np.stack([images[row] for row in range(40)])
    run_stage("head", "probed")
    head = read_head(Path("data/heads/probed"), 256)
    logits = activations(encoder, pixels) @ head.weight.T + head.bias
    tower, preprocess = encoder.module.eval(), encoder.card.preprocess
    mean, std = (np.array(getattr(preprocess, name), np.float32) for name in ("mean", "std"))
    scaled = torch.from_numpy((pixels / np.float32(255) - mean) / std).permute(0, 3, 1, 2)
    with torch.inference_mode():
        np.testing.assert_allclose(tower(scaled.float()).numpy(), logits, atol=1e-3)


def test_a_tower_without_a_head_goes_through_every_stage_that_passes_images():
    """A file of timm's without a classifier, as self-supervised weights are."""
    import timm

    with seeded(0):
        model = timm.create_model("test_vit", num_classes=0)
    Path("dino.safetensors").write_bytes(data := save(model.state_dict()))
    digest = hashlib.sha256(data).hexdigest()
    tree = load_tree(Path("params.yaml"))
    entry = {"start": "dino", "dataset": "imagenet_train", "features": "embedding"}
    change(
        backbones={"tiny": {"kind": "timm", "model": "test_vit"}},
        weights={
            "dino": {
                "source": "checkpoint",
                "backbone": "tiny",
                "file": "dino.safetensors",
                "sha256": digest,
            }
        },
        probe={"probed": entry},
        encoders={"dino": tree["encoders"]["rn_untrained"]},
        layers={"images": 8, "minibatch": 4},
    )
    for name in TESTBED_SHIFTS:
        write_absent(name, Path("data/datasets") / name)
    run_stage("weights", "dino")
    run_stage("extract_train", "probed")
    run_stage("probe", "probed")
    found = {}
    for key in ("dino", "probed"):
        for stage in ("head", "extract", "extract_broden", "extract_layers"):
            run_stage(stage, key)
        assert read_head(Path("data/heads") / key, 64).weight.shape == (24, 64)
        found[key] = read_activations(Path("data/activations") / key, "imagenet_val").values
    np.testing.assert_array_equal(found["dino"], found["probed"])
    kinds = [read_json(Path(f"data/heads/{key}/card.json"))["kind"] for key in found]
    assert kinds == ["random", "trained"]
    assert load_encoder(WEIGHTS / "dino").head is None
