from dataclasses import replace as with_parts

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from stages.encoders.encoder import (
    Encoder,
    classifier_encoder,
    clip_encoder,
)
from stages.encoders.heads import classifier_from_clip, zero_shot_head
from stages.encoders.interpolation import interpolate
from stages.encoders.tokenizer import build_vocabulary
from stages.runtime.errors import InputError
from tests.unit.encoders.conftest import activations, small_backbone

CLASSES = ["fish", "house", "tree"]


def zero_shot(clip: Encoder) -> Encoder:
    head = zero_shot_head(clip, CLASSES, ["a photo of a {}"])
    return classifier_from_clip(clip, head, CLASSES)


def finetuned(clip: Encoder) -> Encoder:
    encoder = zero_shot(clip)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in encoder.module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return encoder


def predictions(encoder: Encoder, images: np.ndarray) -> np.ndarray:
    weight, _ = encoder.trained_head()
    return (activations(encoder, images, 12) @ weight.T).argmax(axis=1)


@pytest.fixture(params=["zoo", "own"])
def clip(request: pytest.FixtureRequest, tiny_clip: Encoder) -> Encoder:
    words = build_vocabulary(["a photo of a fish house tree"])
    return tiny_clip if request.param == "zoo" else clip_encoder(small_backbone("rn"), words, 3)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_ends_are_the_two_encoders(clip, images, alpha):
    ends = {0.0: zero_shot(clip), 1.0: finetuned(clip)}
    result = interpolate(zero_shot(clip), finetuned(clip), alpha)
    expected = dict(ends[alpha].module.named_parameters())
    assert all(torch.equal(p, expected[k]) for k, p in result.module.named_parameters())
    assert np.array_equal(predictions(result, images), predictions(ends[alpha], images))


def test_every_weight_lies_between(clip):
    result = interpolate(zero_shot(clip), finetuned(clip), 0.25).module.state_dict()
    first, second = (f(clip).module.state_dict() for f in (zero_shot, finetuned))
    for name, value in result.items():
        plain = 0.75 * first[name].float() + 0.25 * second[name].float()
        torch.testing.assert_close(value.float(), plain)
    assert not torch.equal(result["head.weight"], first["head.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"classes": ["a", "b", "c"]}, "classes"), ({"normalize_features": False}, "normalize")],
)
def test_encoders_that_do_not_belong_together_are_refused(tiny_clip, change, message):
    second = finetuned(tiny_clip)
    second = with_parts(second, card=replace(second.card, **change))
    with pytest.raises(InputError, match=f"interpolate: .*{message}"):
        interpolate(zero_shot(tiny_clip), second, 0.5)


def test_another_architecture_is_refused(tiny_clip, backbone):
    second = classifier_encoder(backbone, CLASSES, 0, normalize_features=True)
    with pytest.raises(InputError, match="`architecture` differ"):
        interpolate(zero_shot(tiny_clip), second, 0.5)


def test_another_head_is_refused(tiny_clip):
    second = finetuned(tiny_clip)
    second.module.head = torch.nn.Linear(16, 5, bias=False)
    with pytest.raises(InputError, match=r"`head.weight` differ: \(3, 16\) and \(5, 16\)"):
        interpolate(zero_shot(tiny_clip), second, 0.5)
