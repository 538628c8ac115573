"""Weights that no library has, and files that a study does not mean: nothing is run or written."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from tests.pipeline.refusals import refused, write_weights
from tests.pipeline.zoo import pickled
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("place")

CLIP = {"kind": "open_clip", "model": "ViT-B-33"}
ROBERTA = {"kind": "open_clip", "model": "roberta-ViT-B-32"}
RN50 = {"kind": "torchvision", "model": "resnet50"}
VIT = {"kind": "timm", "model": "test_vit"}
State = dict[str, torch.Tensor]


@pytest.mark.parametrize(
    ("backbone", "source", "tag", "expected"),
    [
        (CLIP, "open_clip", "openai", r"backbones: .* no model 'ViT-B-33'; .*ViT-B-32"),
        (RN50, "torchvision", "DEFAULT", r"weights: .* no weights 'DEFAULT' of 'resnet50'"),
        (ROBERTA, "open_clip", "laion2b_s12b_b32k", "open_clip's .*'roberta-base' .*transformers"),
    ],
)
def test_what_a_library_does_not_have(hub, backbone, source, tag, expected):
    write_weights(backbone, {"source": source, "tag": tag})
    assert re.match(expected, refused("weights", "mine"))
    assert hub.requests == []


@pytest.fixture(scope="module")
def state() -> State:
    import timm

    torch.manual_seed(0)
    return timm.create_model("test_vit").state_dict()


class Program:
    """Something that leaves a file behind where its pickle is executed."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (Path("executed"),)


FILES: dict[str, tuple[Callable[[State], bytes], dict[str, str], str]] = {
    "cut short": (lambda state: save(state)[:-1000], VIT, "damaged safetensors"),
    "a program": (lambda state: pickled([state, Program()]), VIT, "cannot be read without execut"),
    "not finite": (
        lambda state: save(state | {"head.bias": torch.full((1000,), torch.nan)}),
        VIT,
        "head.bias",
    ),
    "another architecture": (
        save,
        {"kind": "timm", "model": "test_resnet"},
        "expected the 90 arrays.*another architecture",
    ),
}


def write_checkpoint(data: bytes, backbone: dict[str, str]) -> None:
    """Write a file of weights, and a study that takes it with its checksum."""
    Path("mine.pt").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    write_weights(backbone, {"source": "checkpoint", "file": "mine.pt", "sha256": sha256})


@pytest.mark.parametrize("case", FILES)
def test_another_file_is_refused_and_the_right_one_taken(state, case):
    make, backbone, expected = FILES[case]
    write_checkpoint(make(state), backbone)
    assert re.match(f"(mine.pt|data/weights/mine).*: .*{expected}", refused("weights", "mine"))
    write_checkpoint(save(state), VIT)
    run_stage("weights", "mine")
    assert Path("data/training/mine/ready.json").is_file()
    assert not Path("executed").exists()
