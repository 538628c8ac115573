"""Damaged datasets in the real stages: one clear line, and the outputs stay as they were."""

import re
from pathlib import Path

import pytest

from tests.integration.stages.conftest import truncate_image
from tests.pipeline.refusals import refused
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("one_shift")

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
    damage(dataset)
    Path("data/activations", KEY).rename("before")
    assert re.match(f"data/datasets/{dataset}{expected}", refused(stage, key))
    assert not Path(".scratch").exists()
