"""The examples in the comments of params.yaml are legal entries."""

import re

import pytest
import yaml

from stages.encoders.backbone import AnyBackbone
from stages.settings.datasets import DatasetEntry
from stages.settings.weights import WeightsEntry
from stages.storage.params import is_legal
from stages.training.recipes import Cosine, Drops
from tests.reads import ROOT

KINDS = (DatasetEntry, AnyBackbone, WeightsEntry, Cosine | Drops)
DIGEST = "a" * 64


def examples() -> list[str]:
    """Return the entries that comments show, with a digest where one is to be filled in."""
    comments = [line.partition("#")[2] for line in (ROOT / "params.yaml").read_text().splitlines()]
    text = re.sub(r"sha256: (…|<64 digits>)", f"sha256: {DIGEST}", "\n".join(comments))
    return re.findall(r"\{(?:kind|source): [^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}", text)


@pytest.mark.parametrize("example", examples())
def test_an_example_is_legal(example):
    assert any(is_legal(yaml.safe_load(example), kind) for kind in KINDS)


def test_there_is_an_example_of_every_source():
    found = "\n".join(examples())
    assert all(f"source: {name}" in found for name in ("torchvision", "timm", "checkpoint", "none"))
    assert all(f"source: {name}" in found for name in ("open_clip", "hub", "archive", "folder"))


@pytest.mark.parametrize("example", ["{kind: imagenet, source: disk}", "{source: timm}"])
def test_what_is_no_entry_is_noticed(example):
    assert not any(is_legal(yaml.safe_load(example), kind) for kind in KINDS)
