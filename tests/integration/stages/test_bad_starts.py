"""Encoders that are asked for what they do not have: a head for these classes, a text tower."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save

from stages import finetune, head, interpolate, weights
from stages.files.heads import read_head
from tests.pipeline.refusals import change, refused

NO_CLIP = (
    "a zero-shot head needs a text tower, and this encoder is no CLIP: name a CLIP, or give the "
    "encoder its own `head` (trained or random)"
)


def ask_for_head(key: str, kind: str) -> None:
    """Let an encoder be measured with a kind of head."""
    change(encoders={key: {"head": kind}})


@pytest.fixture
def classifier(study) -> str:
    """Bring a classifier of ImageNet's classes into a study whose images have twelve others."""
    import timm

    data = save(timm.create_model("test_vit").state_dict())
    Path("vit.safetensors").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    entry = {"source": "checkpoint", "file": "vit.safetensors", "sha256": sha256}
    change(
        backbones={"tiny": {"kind": "timm", "model": "test_vit"}},
        weights={"tiny": {"backbone": "tiny", **entry}},
    )
    weights.main("tiny")
    return "tiny"


def test_a_head_for_other_classes_than_the_images(classifier):
    expected = (
        "data/weights/tiny: the encoder's head was trained for 1,000 classes, and imagenet_val has "
        "12; measure it on the dataset that it was trained for"
    )
    ask_for_head(classifier, "trained")
    assert refused(head.main, classifier) == expected
    ask_for_head(classifier, "random")
    head.main(classifier)
    assert read_head(Path("data/heads") / classifier, 64).weight.shape == (12, 64)


def test_a_zero_shot_head_of_a_classifier(classifier):
    ask_for_head(classifier, "zero_shot")
    assert refused(head.main, classifier) == f"data/weights/tiny: {NO_CLIP}"


def test_a_head_of_an_encoder_that_was_never_trained(study):
    weights.main("rn_untrained")
    ask_for_head("rn_untrained", "trained")
    said = refused(head.main, "rn_untrained")
    expected = "data/weights/rn_untrained: the encoder has no trained head, it is a CLIP or untrai"
    assert said.startswith(expected)


def finetuned_from(start: str) -> dict[str, Any]:
    """Return an entry of `finetune` by the study's own recipe."""
    return {"start": start, "dataset": "imagenet_val", "recipe": "finetuning"}


def test_finetuning_starts_from_a_clip(classifier):
    change(finetune={"mine": finetuned_from(classifier)})
    assert refused(finetune.main, "mine") == f"data/weights/tiny: {NO_CLIP}"
    assert not Path(".scratch").exists()


def test_finetuning_starts_from_weights_that_are_there(study):
    change(finetune={"mine": finetuned_from("nobody")})
    assert refused(finetune.main, "mine").startswith("data/weights/nobody/encoder.json: ")


def test_weights_of_different_starts_are_not_mixed(classifier):
    weights.main("rn_untrained")
    for second, expected in (
        ("rn_untrained", "interpolate.mixed.second: 'rn_untrained' is no classifier; name a fine"),
        (classifier, f"data/weights/tiny: {NO_CLIP}"),
    ):
        change(interpolate={"mixed": {"first": classifier, "second": second, "alpha": 0.5}})
        assert refused(interpolate.main, "mixed").startswith(expected)
