"""Bad input to the real stages: one clear line, and the outputs stay as they were."""

import re
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.saved_heads import write_head
from interpreting_clip.measures.head import Head
from tests.fixtures import FEATURES
from tests.integration.stages.conftest import truncate_image
from tests.pipeline.refusals import change, refused
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("study")

DATASETS, KEY = Path("data/datasets"), "rn_untrained"


def truncate_shard(dataset: str) -> None:
    """Take the last 700 bytes off the second shard."""
    shard = DATASETS / dataset / "shard-00001.tar"
    shard.write_bytes(shard.read_bytes()[:-700])


@pytest.mark.parametrize(
    ("stage", "key", "dataset", "damage", "expected"),
    [
        ("extract", KEY, "imagenet_val", truncate_shard, "/shard-00001.tar: truncated"),
        ("pretrain", "rn_web_broad", "web_broad", truncate_image, r": image 000000\d\d: .*broken"),
    ],
)
def test_a_damaged_dataset_is_refused(stage, key, dataset, damage, expected):
    run_stage("weights", KEY)
    for name in TESTBED_SHIFTS[1:]:
        write_absent(name, DATASETS / name)
    damage(dataset)
    Path("data/activations", KEY).rename("before")
    assert re.match(f"data/datasets/{dataset}{expected}", refused(stage, key))
    assert not Path(".scratch").exists()


def test_a_measure_refuses_activations_that_are_not_finite():
    run_stage("directions", KEY)
    file = Path("data/activations") / KEY / "imagenet_val.safetensors"
    row = np.array(read_tensors(file)["activations"][3])
    spoilt = np.where(np.arange(FEATURES) == 7, np.nan, row).astype(np.float32)
    content = file.read_bytes()
    file.write_bytes(content.replace(row.tobytes(), spoilt.tobytes()))
    assert re.match(f"{file}: 'activations': .*NaN .* row 3; ", refused("kurtosis", KEY))


def test_a_measure_refuses_the_head_of_another_encoder():
    run_stage("directions", KEY)
    head = Head(np.ones((24, FEATURES + 1), np.float32), None, False)
    write_head(Path("data/heads") / KEY, head, "random")
    said = refused("robustness", KEY)
    assert re.match(f"data/heads/{KEY}: .*600 .*601: .*`dvc repro`$", said)


def test_broden_labels_refuses_images_that_tell_no_concepts_apart():
    change(
        datasets={"broden": load_tree(Path("params.yaml"))["datasets"]["broden"] | {"images": 1}}
    )
    run_stage("fetch", "broden")
    said = refused("broden_labels")
    assert re.match(r"broden: of \d+ concepts none .*lower `pre", said)
