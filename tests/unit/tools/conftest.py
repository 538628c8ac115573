"""The nano study, and one that takes everything from elsewhere."""

from pathlib import Path

import pytest
import yaml

from interpreting_clip.config.params import convert
from interpreting_clip.study.check import check
from interpreting_clip.study.sections import EverySection, Sections
from tests.pipeline.workspace import NANO

REMOTE = {
    "imagenet_val": {"kind": "imagenet", "source": "folder", "folder": "val"},
    "imagenet_v2": {
        "kind": "imagenet_v2",
        "source": "hub",
        "hub": {"repository": "owner/v2", "revision": "main", "files": "test/*.tar"},
        "limit": 2000,
    },
    "imagenet_r": {"kind": "absent", "source": "none"},
    "imagenet_a": {
        "kind": "imagenet_a",
        "source": "archive",
        "archive": [{"url": "http://host/a.tar", "sha256": "0" * 64}],
    },
}


@pytest.fixture
def nano() -> Sections:
    return check(NANO)


@pytest.fixture
def remote() -> Sections:
    tree = yaml.safe_load(NANO.read_text())
    tree["datasets"] |= REMOTE
    shards = {"images_per_shard": 1000}
    tree["sources"] |= {"hub": shards, "archive": shards, "folder": shards, "none": {}}
    return convert(tree, EverySection, "", Path("remote.yaml"))
