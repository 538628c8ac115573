"""Weights that no library has, and files that a study does not mean: nothing is run or written."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save

from tests.pipeline.refusals import refused, write_weights
from tests.pipeline.zoo import pickled
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("place")

CLIP = {"kind": "open_clip", "model": "ViT-B-33"}
ROBERTA = {"kind": "open_clip", "model": "roberta-ViT-B-32"}
RN50 = {"kind": "torchvision", "model": "resnet50"}
VIT = {"kind": "timm", "model": "test_vit"}


@pytest.mark.parametrize(
    ("backbone", "source", "tag", "expected"),
    [
        (CLIP, "open_clip", "openai", r"backbones: .*'ViT-B-33'; .*ViT-B-32"),
        (RN50, "torchvision", "DEFAULT", r"weights: .*'DEFAULT'"),
        (ROBERTA, "open_clip", "laion2b_s12b_b32k", ".*'roberta-base' .*transformers"),
    ],
)
def test_what_a_library_does_not_have(hub, backbone, source, tag, expected):
    write_weights(backbone, {"source": source, "tag": tag})
    assert re.match(expected, refused("weights", "mine"))
    assert hub.requests == []


class Program:
    """Something that leaves a file behind where its pickle is executed."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (Path("executed"),)


def test_a_program_in_a_file_is_not_executed_and_the_right_file_is_taken():
    import timm

    state = timm.create_model("test_vit").state_dict()
    for data in (pickled([state, Program()]), save(state)):
        Path("mine.pt").write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        write_weights(VIT, {"source": "checkpoint", "file": "mine.pt", "sha256": sha256})
        if data.startswith(b"PK"):
            assert re.match("mine.pt: .*without execut", refused("weights", "mine"))
    run_stage("weights", "mine")
    assert Path("data/training/mine/ready.json").is_file() and not Path("executed").exists()
