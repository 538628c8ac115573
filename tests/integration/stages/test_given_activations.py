"""An encoder whose activations were computed elsewhere stands in the study like any other."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import is_absent, read_card, write_absent, write_card
from interpreting_clip.datasets.listed_images import listed_images
from interpreting_clip.datasets.shards import StoredImage, open_shards, write_images
from interpreting_clip.encoders.given_activations import given_activations, train_activations
from interpreting_clip.errors import InputError
from interpreting_clip.formats.activations_folder import MANIFEST, write_activations_folder
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.saved_activations import (
    read_activations,
    read_not_given,
    read_shifts,
)
from interpreting_clip.formats.saved_heads import read_head
from tests.integration.stages.conftest import ALIAS, merge_a_class
from tests.pipeline.refusals import change, refused
from tests.pipeline.workspace import NANO
from tests.reads import ROOT, run_stage
from tools import image_list

DATASETS, FOLDER, FEATURES = Path("data/datasets"), Path("elsewhere/mine"), 16
NAMES = ("imagenet_val", "imagenet_v2", "broden")
ENTRY = {"label": "Mine", "training": "supervised", "backbone": "jax", "data": "mine"}


def values(name: str, images: int) -> np.ndarray:
    rng = np.random.default_rng(NAMES.index(name))
    return rng.standard_normal((images, FEATURES)).astype(np.float32)


def give(
    *names: str, change_arrays: Callable[[dict[str, Any]], Any] = lambda arrays: None, **more: Any
) -> dict[str, np.ndarray]:
    """Write a folder of activations on some datasets, and an encoder `mine` that has it."""
    arrays = {}
    for name in names:
        rows = len(Path(f"lists/{name}.csv").read_text().splitlines()) - 1
        arrays[name] = values(name, rows)
    change_arrays(arrays)
    digest = write_activations_folder(FOLDER, arrays, "lists", **more)
    describe(digest)
    return arrays


def describe(sha256: str, head: str = "trained") -> None:
    """Put the folder into the study as the encoder `mine`."""
    entry = {"source": "activations", "backbone": "jax", "folder": str(FOLDER), "sha256": sha256}
    change(
        backbones={"jax": {"kind": "external", "model": "a net in JAX"}},
        weights={"mine": {**entry, "representation": "rectified", "normalize_features": False}},
        encoders={"mine": {**ENTRY, "head": head}},
        heads={"random": {"seed": 4}},
    )


@pytest.fixture(autouse=True)
def lists(study: Path) -> None:
    """List the images of the drawn sets; the other shifts are absent."""
    for name in TESTBED_SHIFTS[1:]:
        write_absent(name, DATASETS / name)
    image_list.main()


def run_all(*stages: str) -> None:
    for stage in stages:
        run_stage(stage, "mine")


def test_the_list_has_the_images_in_order(capsys):
    image_list.main("imagenet_val", "--to", "others")
    said = capsys.readouterr().out
    rows = [row.split(",") for row in Path("others/imagenet_val.csv").read_text().splitlines()[1:]]
    with open_shards(DATASETS / "imagenet_val") as images:
        classes = images.classes.tolist()
        assert len(rows) == len(images)
        for number, (digest, name, class_) in enumerate(rows):
            Path("image").write_bytes(images.stored(number))
            assert digest == file_digest(Path("image"))
            assert (name, class_) == (f"{number:08d}", str(classes[number]))
    assert said.startswith("others/imagenet_val.csv: 40 images, order ")
    names = Path("others/classes.txt").read_text().splitlines()
    assert names == read_card(DATASETS / "imagenet_val").classes
    rows = [row.split(",") for row in Path("lists/broden.csv").read_text().splitlines()[1:]]
    with open_broden(DATASETS / "broden") as broden:
        assert [row[1] for row in rows] == [row.image for row in broden.rows]
        Path("image").write_bytes(broden.read(f"images/{rows[7][1]}"))
    assert rows[7][0] == file_digest(Path("image")) and rows[7][2] == ""


def test_every_stage_takes_what_the_folder_has(run):
    merge_a_class("imagenet_v2")
    classes = read_card(DATASETS / "imagenet_val").classes
    weight, bias = np.eye(len(classes), FEATURES), np.arange(len(classes))
    arrays = give(*NAMES, head=weight, bias=bias, classes=classes)
    run("weights", "mine", unread=["data/study"])
    run("extract", "mine")
    run("extract_broden", "mine")
    run("head", "mine")
    out = Path("data/activations/mine")
    for name in NAMES[:2]:
        found = read_activations(out, name)
        np.testing.assert_array_equal(found.values, arrays[name])
        with open_shards(DATASETS / name) as images:
            np.testing.assert_array_equal(found.classes, images.classes)
            assert found.class_indices.tolist() == images.card.class_indices
    assert read_activations(out, "imagenet_v2").aliases == ALIAS
    assert read_shifts(out) == ["imagenet_v2"] and read_not_given(out) == []
    assert read_json(out / "card.json")["representation"] == "rectified"
    file = Path("data/broden_activations/mine/activations.safetensors")
    np.testing.assert_array_equal(read_tensors(file)["activations"], arrays["broden"])
    head = read_head(Path("data/heads/mine"), FEATURES)
    np.testing.assert_array_equal(head.weight, weight)
    np.testing.assert_array_equal(np.asarray(head.bias), bias)
    assert not head.normalize_features


def test_what_the_folder_lacks_is_absent():
    give("imagenet_val")
    run_all("weights", "extract", "extract_broden", "extract_layers")
    out = Path("data/activations/mine")
    assert read_shifts(out) == [] and read_not_given(out) == ["imagenet_v2"]
    assert is_absent(Path("data/broden_activations/mine"))
    assert is_absent(Path("data/layer_grams/mine"))


def stored_images(name: str) -> list[StoredImage]:
    """Return the images of a dataset with their classes."""
    with open_shards(DATASETS / name) as images:
        return [(images.stored(i), int(images.classes[i]), None) for i in range(len(images))]


def write_again(name: str, stored: list[StoredImage], per_shard: int, like: str) -> None:
    """Write images as a dataset whose card is otherwise that of `like`."""
    card, folder = read_card(DATASETS / like), DATASETS / name
    shards = write_images(stored, per_shard, folder)
    write_card(replace(card, dataset=name, images=len(stored), shards=shards), folder)


def test_train_images_are_taken_and_other_shards_have_the_same_order():
    write_again("imagenet_train", stored_images("imagenet_v2"), 7, like="imagenet_v2")
    image_list.main("imagenet_train")
    v2, train = (
        Path(f"lists/{name}.csv").read_text() for name in ("imagenet_v2", "imagenet_train")
    )
    assert v2 == train
    given = np.ones((30, FEATURES), np.float32)
    arrays = {"imagenet_val": values("imagenet_val", 40), "imagenet_train": given}
    describe(write_activations_folder(FOLDER, arrays, "lists"))
    run_all("weights")
    listed, weights = listed_images(DATASETS / "imagenet_train"), Path("data/weights/mine")
    found = given_activations(weights, "imagenet_train", listed)
    np.testing.assert_array_equal(np.asarray(found), given)
    assert given_activations(weights, "imagenet_v2", listed) is None
    with pytest.raises(InputError, match="imagenet_v2"):
        train_activations(weights, DATASETS / "imagenet_v2")


def test_a_probe_learns_from_given_activations():
    """The activations of each class scatter around a mean of its own."""
    drawn = load_tree(NANO)["datasets"]["imagenet_train"] | {"images": 200}
    change(datasets={"imagenet_train": drawn})
    run_stage("fetch", "imagenet_train")
    image_list.main("imagenet_train")
    names = read_card(DATASETS / "imagenet_train").classes
    rng = np.random.default_rng(0)
    means, truth, arrays = 3 * rng.standard_normal((len(names), FEATURES)), {}, {}
    for name in ("imagenet_val", "imagenet_train"):
        with open_shards(DATASETS / name) as images:
            truth[name] = images.classes
        noise = rng.standard_normal((len(truth[name]), FEATURES))
        arrays[name] = (means[truth[name]] + noise).astype(np.float32)
    describe(write_activations_folder(FOLDER, arrays, "lists"))
    fit = {"held_out": 0.2, "penalties": [0.01], "iterations": 500, "tolerance": 0.01}
    change(
        heads={"probe": {"images_per_class": 5, **fit}},
        probe={"probed": {"start": "mine", "dataset": "imagenet_train", "features": "embedding"}},
        encoders={"probed": {**ENTRY, "training": "probed", "head": "trained"}},
    )
    run_all("weights")
    for stage in ("extract_train", "probe", "head", "extract"):
        run_stage(stage, "probed")
    learnt = read_activations(Path("data/train_activations/probed"), "imagenet_train")
    assert len(names) < len(learnt.values) <= 5 * len(names)
    values = read_activations(Path("data/activations/probed"), "imagenet_val").values
    np.testing.assert_array_equal(values, arrays["imagenet_val"])
    head = read_head(Path("data/heads/probed"), FEATURES)
    predicted = np.argmax(values @ head.weight.T + np.asarray(head.bias), axis=1)
    assert (predicted == truth["imagenet_val"]).mean() > 0.9


def swap_images(name: str) -> None:
    """Exchange the first two images of a dataset."""
    first, second, *others = stored_images(name)
    write_again(name, [second, first, *others], 20, like=name)


def drop_an_image(name: str) -> None:
    """Take the last image of a dataset away."""
    write_again(name, stored_images(name)[:-1], 20, like=name)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (swap_images, "another order .*tools.image_list imagenet_v2"),
        (drop_an_image, "30 images, but imagenet_v2 has 29; .*tools.image_list"),
    ],
)
def test_activations_of_other_images_are_refused(spoil, expected):
    give(*NAMES)
    run_all("weights")
    spoil("imagenet_v2")
    said = refused("extract", "mine")
    assert said.startswith("elsewhere/mine: ")
    assert re.search(expected, said)
    run_stage("extract_broden", "mine")  # its images are as they were


def test_broden_in_another_order_is_refused():
    rows = Path("lists/broden.csv").read_text().splitlines(keepends=True)
    Path("lists/broden.csv").write_text("".join([rows[0], rows[2], rows[1], *rows[3:]]))
    give(*NAMES)
    run_all("weights", "extract")
    assert "another order" in refused("extract_broden", "mine")


def test_a_head_for_other_classes_is_refused():
    classes = list(read_card(DATASETS / "imagenet_val").classes)
    for made, said in (
        ([classes[1], classes[0], *classes[2:]], "class 0 of the head"),
        (classes[:-1], "23"),
    ):
        give(*NAMES, head=np.ones((len(made), FEATURES)), classes=made)
        run_all("weights")
        message = refused("head", "mine")
        assert message.startswith("elsewhere/mine: ") and said in message


def of_float(kind: str) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        np.save(file, np.load(file).astype(kind))

    return write


def of_nan(file: Path) -> None:
    stored = np.load(file)
    stored[3, 0] = np.nan
    np.save(file, stored)


def shorter(file: Path) -> None:
    np.save(file, np.load(file)[1:])


def rewritten(spoil: Callable[[Path], None]) -> None:
    """Spoil ImageNet's array, and let the manifest and the study have its new digest."""
    file = FOLDER / "imagenet_val.npy"
    spoil(file)
    tree = json.loads((FOLDER / MANIFEST).read_text())
    tree["datasets"]["imagenet_val"]["sha256"] = file_digest(file)
    (FOLDER / MANIFEST).write_text(json.dumps(tree))
    describe(file_digest(FOLDER / MANIFEST))


def test_an_array_that_is_wrong_is_refused_and_nothing_is_left():
    for spoil, expected in (
        (of_nan, "row 3 holds NaN"),
        (of_float("i4"), "int32"),
        (shorter, "(39, 16)"),
    ):
        give(*NAMES)
        rewritten(spoil)
        said = refused("weights", "mine")
        assert said.startswith("elsewhere/mine/imagenet_val.npy: ") and expected in said


def test_a_folder_that_was_changed_or_is_gone_is_refused():
    give(*NAMES)
    of_nan(FOLDER / "imagenet_val.npy")
    assert "imagenet_val.npy: expected the SHA-256" in refused("weights", "mine")
    (FOLDER / "imagenet_val.npy").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "imagenet_val.npy: this is a Git LFS pointer" in refused("weights", "mine")
    write_activations_folder(FOLDER, {"imagenet_val": values("imagenet_val", 40)}, "lists")
    assert "correct `sha256` in params.yaml" in refused("weights", "mine")
    (FOLDER / MANIFEST).unlink()
    assert "manifest.json: no such file" in refused("weights", "mine")


def test_writing_needs_no_more_than_the_plain_wheel():
    code = """
import sys
for name in ("torch", "safetensors", "yaml", "PIL", "scipy", "pandas", "dvc"):
    sys.modules[name] = None  # an import of it fails
import numpy as np
from interpreting_clip.formats.activations_folder import write_activations_folder
print(write_activations_folder("mine", {"imagenet_val": np.ones((40, 3))}, "lists"))
"""
    command, surroundings = [sys.executable, "-c", code], {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == file_digest(Path("mine") / MANIFEST), ran.stderr
