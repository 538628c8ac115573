"""Bad input to the real stages: one clear line, and the outputs stay as they were."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from msgspec.structs import replace

import stages.broden
import stages.broden_labels
import stages.directions
import stages.extract_shifts
import stages.fetch
import stages.kurtosis
import stages.pretrain
import stages.robustness
import stages.study
import stages.weights
from stages.config.syntax import load_tree
from stages.datasets.card import read_card, write_card
from stages.datasets.shards import open_shards, write_images
from stages.files.arrays import read_tensors, write_tensors
from stages.files.heads import write_head
from stages.files.json import write_json
from stages.measures.head import Head
from tests.fixtures import FEATURES
from tests.pipeline.refusals import refused

pytestmark = pytest.mark.usefixtures("study")

DATASETS, KEY = Path("data/datasets"), "rn_untrained"


def truncate_shard(dataset: str) -> None:
    """Take the last 700 bytes off the second shard."""
    shard = DATASETS / dataset / "shard-00001.tar"
    shard.write_bytes(shard.read_bytes()[:-700])


def truncate_image(dataset: str) -> None:
    """Take the last 20 bytes off the last image, in shards that are whole."""
    folder = DATASETS / dataset
    card = read_card(folder)
    with open_shards(folder) as shards:
        stored = [shards.stored(image) for image in range(len(shards))]
    stored[-1] = stored[-1][:-20]
    captions = shards.captions or [None] * len(stored)
    images = zip(stored, shards.classes.tolist(), captions, strict=True)
    write_card(replace(card, shards=write_images(images, 20, folder)), folder)


BROKEN = [
    (truncate_shard, r"/shard-00001.tar: truncated, its end mark is missing; fetch it again"),
    (
        truncate_image,
        r": image 000000\d\d: a whole image was expected, this one is broken .*replace",
    ),
]


@pytest.mark.parametrize(("damage", "expected"), BROKEN)
def test_an_extraction_refuses_a_damaged_dataset(damage, expected):
    stages.weights.main(KEY)
    damage("imagenet_v2")
    Path("data/shift_activations", KEY).rename("before")
    said = refused(stages.extract_shifts.main, KEY)
    assert re.match(f"data/datasets/imagenet_v2{expected}", said)


@pytest.mark.parametrize(("damage", "expected"), BROKEN)
def test_pretrain_refuses_a_damaged_dataset(damage, expected):
    damage("web_broad")
    said = refused(stages.pretrain.main, "rn_web_broad")
    assert re.match(f"data/datasets/web_broad{expected}", said)
    assert not Path(".scratch").exists()


@pytest.mark.parametrize("stage", [stages.kurtosis, stages.robustness, stages.directions])
def test_a_measure_refuses_activations_that_are_not_finite(stage):
    file = Path("data/activations") / KEY / "imagenet_val.safetensors"
    row = np.array(read_tensors(file)["activations"][3])
    spoilt = np.where(np.arange(FEATURES) == 7, np.nan, row).astype(np.float32)
    content = file.read_bytes()
    file.write_bytes(content.replace(row.tobytes(), spoilt.tobytes()))
    said = refused(stage.main, KEY)
    assert re.match(f"{file}: 'activations': expected finite numbers, got NaN .* row 3$", said)


@pytest.mark.parametrize("stage", [stages.robustness, stages.directions])
def test_a_measure_refuses_the_head_of_another_encoder(stage):
    head = Head(np.ones((12, FEATURES + 1), np.float32), None, False)
    write_head(Path("data/heads") / KEY, head, "random")
    said = refused(stage.main, KEY)
    expected = f"data/heads/{KEY}: the encoder's activations have 600 features, its head 601: "
    assert said.startswith(expected)
    assert said.endswith("delete both and run `dvc repro`")


def test_broden_labels_refuses_images_that_tell_no_concepts_apart():
    study = load_tree(Path("params.yaml"))
    study["datasets"]["broden"]["images"] = 1
    Path("params.yaml").write_text(yaml.safe_dump(study))
    stages.fetch.main("broden")
    said = refused(stages.broden_labels.main)
    expected = r"broden: of \d+ concepts none is on some of the 1 images and not on all; lower `pre"
    assert re.match(expected, said)


@pytest.mark.parametrize(
    ("images", "expected"),
    [([0, 1], "concept 2 is on 0 of 4 images"), ([0, 99], "a label is of an image outside 0 to 3")],
)
def test_broden_refuses_labels_that_do_not_fit_the_images(images, expected):
    write_probed({"image": np.array(images), "concept": np.array([1, 1])})
    said = refused(stages.broden.main, KEY)
    assert said.startswith(f"data/broden_activations/{KEY} and data/broden_labels: {expected}")


def write_probed(pairs: dict[str, np.ndarray]) -> None:
    """Write what `broden` reads: activations of four images, directions, concepts 1 and 2."""
    rng, out = np.random.default_rng(0), Path("data")
    values = rng.standard_normal((4, 3))
    write_tensors(
        out / "broden_activations" / KEY / "activations.safetensors", {"activations": values}
    )
    found = {"directions": np.eye(3), "singular_values": np.ones(3)}
    write_tensors(out / "directions" / KEY / "directions.safetensors", found)
    concepts = [{"number": n, "name": f"c{n}", "category": "color"} for n in (1, 2)]
    write_json(out / "broden_labels/concepts.json", concepts)
    write_tensors(out / "broden_labels/labels.safetensors", pairs)


def test_study_refuses_an_illegal_study():
    study = load_tree(Path("params.yaml"))
    study["kurtosis"]["seed"] = -1
    Path("params.yaml").write_text(yaml.safe_dump(study))
    said = refused(stages.study.main)
    assert said.startswith("params.yaml: 'kurtosis.seed': Expected `int` >= 0 (got -1); legal: ")
