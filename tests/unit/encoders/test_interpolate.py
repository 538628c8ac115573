import pytest
import torch

from interpreting_clip.encoders.encoder import Encoder, clip_encoder
from interpreting_clip.encoders.heads import classifier_from_clip, interpolate, zero_shot_head
from interpreting_clip.encoders.tokenizer import build_vocabulary
from tests.unit.encoders.conftest import small_backbone

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


@pytest.fixture(params=["zoo", "own"])
def clip(request: pytest.FixtureRequest, tiny_clip: Encoder) -> Encoder:
    words = build_vocabulary(["a photo of a fish house tree"])
    return tiny_clip if request.param == "zoo" else clip_encoder(small_backbone("rn"), words, 3)


@pytest.mark.parametrize(("alpha", "tolerance"), [(0.0, 0.0), (0.25, 1e-6), (1.0, 0.0)])
def test_every_weight_lies_between_and_the_ends_are_the_encoders(clip, alpha, tolerance):
    result = interpolate(zero_shot(clip), finetuned(clip), alpha).module.state_dict()
    first, second = (f(clip).module.state_dict() for f in (zero_shot, finetuned))
    for name, value in result.items():
        plain = (1 - alpha) * first[name].float() + alpha * second[name].float()
        torch.testing.assert_close(value.float(), plain, rtol=tolerance, atol=tolerance)
    assert not torch.equal(first["head.weight"], second["head.weight"])
