"""An encoder whose activations were computed elsewhere stands in the study like any other."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import is_absent, read_card, write_card
from interpreting_clip.datasets.shards import open_shards, write_images
from interpreting_clip.formats.activations_folder import MANIFEST, write_activations_folder
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.saved_activations import read_activations
from interpreting_clip.formats.saved_heads import read_head
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
    describe(write_activations_folder(FOLDER, arrays, "lists", **more), head_kind)
    return arrays


def describe(sha256: str, head_kind: str = "trained") -> None:
    """Put the folder into the study as the encoder `mine`."""
    entry = {"source": "activations", "backbone": "jax", "folder": str(FOLDER), "sha256": sha256}
    change(
        backbones={"jax": {"kind": "external", "model": "a net in JAX"}},
        weights={"mine": {**entry, "representation": "rectified", "normalize_features": False}},
        encoders={"mine": {**ENTRY, "head": head_kind}},
        heads={"random": {"seed": 4}},
    )


def run_all(*stages: str, key: str = "mine") -> None:
    for stage in stages:
        run_stage(stage, key)


def test_the_list_has_the_images_in_order(capsys):
    image_list.main(["imagenet_val", "broden"], to=Path("others"))
    assert capsys.readouterr().out.startswith("others/imagenet_val.csv: 40 images, order ")
    listed = {
        name: [row.split(",") for row in Path(f"others/{name}.csv").read_text().splitlines()[1:]]
        for name in ("imagenet_val", "broden")
    }
    with open_shards(DATASETS / "imagenet_val") as images:
        for number, class_ in enumerate(images.classes.tolist()):
            Path("image").write_bytes(images.stored(number))
            row = [file_digest(Path("image")), f"{number:08d}", str(class_)]
            assert listed["imagenet_val"][number] == row
        assert Path("others/classes.txt").read_text().splitlines() == images.card.classes
    with open_broden(DATASETS / "broden") as broden:
        assert [row[1] for row in listed["broden"]] == [row.image for row in broden.rows]
        Path("image").write_bytes(broden.read(f"images/{broden.rows[7].image}"))
    assert listed["broden"][7] == [file_digest(Path("image")), broden.rows[7].image, ""]


def test_every_stage_takes_what_the_folder_has():
    merge_a_class("imagenet_v2")
    classes = read_card(DATASETS / "imagenet_val").classes
    weight, bias = np.eye(len(classes), FEATURES), np.arange(len(classes))
    arrays = give(*NAMES, head=weight, bias=bias, classes=classes)
    run_stage("weights", "mine")
    run_stage("extract", "mine")
    run_stage("extract_broden", "mine")
    run_stage("head", "mine")
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
    assert is_absent(Path("data/layer_grams/mine"))
    assert read_head(Path("data/heads/mine"), FEATURES).weight.shape == (24, FEATURES)


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


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([1, 0, *range(2, 30)], "another order.*tools image-list imagenet_v2"),
        (range(29), "30 images that are not the 29 of imagenet_v2.*tools image-list"),
    ],
)
def test_activations_of_other_images_are_refused(kept, expected):
    give(*NAMES)
    run_all("weights")
    folder = DATASETS / "imagenet_v2"
    with open_shards(folder) as images:
        stored = [(images.stored(i), int(images.classes[i]), None) for i in kept]
    shards = write_images(stored, 20, folder)
    write_card(replace(read_card(folder), images=len(stored), shards=shards), folder)
    assert re.match(f"elsewhere/mine: .*{expected}", refused("extract", "mine"))
    run_stage("extract_broden", "mine")  # its images are as they were


def test_a_head_for_other_classes_and_none_are_refused():
    classes = read_card(DATASETS / "imagenet_val").classes
    for made, said in (
        ([classes[1], classes[0], *classes[2:]], "class 0 of the head"),
        (classes[:-1], "the head is for 23 classes"),
        (None, "there is no head"),
    ):
        weight = np.ones((len(made), FEATURES)) if made else None
        give("imagenet_val", head=weight, classes=made)
        run_all("weights")
        assert refused("head", "mine").startswith(f"elsewhere/mine: {said}")


def test_an_array_of_another_shape_than_the_manifest_s_and_a_pointer_to_one_are_refused():
    give("imagenet_val")
    file, manifest = FOLDER / "imagenet_val.npy", FOLDER / MANIFEST
    before = file_digest(file)
    np.save(file, np.load(file)[1:])
    manifest.write_text(manifest.read_text().replace(before, file_digest(file)))
    describe(file_digest(manifest))
    assert refused("weights", "mine").startswith(f"{file}: expected the shape (40, 16)")
    file.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "a Git LFS pointer" in refused("weights", "mine")
