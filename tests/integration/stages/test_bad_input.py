"""A damaged dataset in a training: one clear line, and the outputs stay as they were."""

import re
from pathlib import Path

from tests.integration.stages.conftest import truncate_image
from tests.pipeline.refusals import refused


def test_a_training_names_a_broken_image_and_leaves_nothing(study):
    truncate_image("web_broad")
    said = refused("pretrain", "rn_web_broad")
    assert re.match(r"data/datasets/web_broad: image 000000\d\d: .*broken", said)
    assert not list(Path(".scratch").rglob("checkpoint.safetensors"))
