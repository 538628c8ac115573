"""Costs of architectures, against closed forms."""

import pytest

from stages.config.encoders import OpenClipModel, TorchvisionModel, VisionTransformer
from stages.encoders.encoder import clip_encoder
from stages.encoders.vocabulary import Vocabulary
from stages.runtime.errors import InputError
from tests.unit.encoders.conftest import small_backbone
from tools.amounts import UNKNOWN, Amount
from tools.costs import WORDS, cost


def transformer(tokens: int, width: int, layers: int) -> int:
    """Return the operations of blocks: attention's four products of weights, its two of tokens."""
    weights = 4 * width**2 + 8 * width**2
    return layers * 2 * (tokens * weights + 2 * tokens**2 * width)


def test_a_vision_transformer_costs_its_closed_form():
    backbone = small_backbone("vit")
    vision, patches = backbone.vision, (32 // 16) ** 2
    assert isinstance(vision, VisionTransformer)
    embedding = 2 * patches * 3 * 16**2 * vision.width
    blocks = transformer(patches + 1, vision.width, vision.layers)
    output = 2 * vision.width * backbone.embedding
    assert cost(backbone).image == Amount(embedding + blocks + output)


def test_a_text_tower_costs_its_closed_form():
    backbone = small_backbone("vit")
    text = backbone.text
    blocks = transformer(text.context, text.width, text.layers)
    assert cost(backbone).text == Amount(blocks + 2 * text.width * backbone.embedding)


@pytest.mark.parametrize("kind", ["rn", "vit"])
def test_counts_the_weights_that_a_real_encoder_has(kind):
    backbone = small_backbone(kind)
    words = Vocabulary([f"w{i}" for i in range(WORDS)])
    real = clip_encoder(backbone, words, 0).module
    counted = cost(backbone)
    whole = counted.parameters + counted.text_parameters
    assert whole.value == sum(weight.numel() for weight in real.parameters())
    assert counted.width == Amount(backbone.embedding)


def test_published_costs_are_met():
    clip, resnet = cost(OpenClipModel(model="ViT-B-32")), cost(TorchvisionModel(model="resnet50"))
    assert (clip.parameters + clip.text_parameters).value == 151_277_313
    assert clip.image.value == pytest.approx(2 * 4.41e9, rel=0.01)
    assert resnet.parameters.value == 25_557_032 - 1000 * 2049
    assert resnet.image.value == pytest.approx(2 * 4.089e9, rel=0.01)
    assert resnet.text == resnet.text_parameters == Amount(0)


def test_what_lies_on_the_hub_is_unknown():
    unknown = cost(OpenClipModel(model="hf-hub:owner/name"))
    assert unknown.parameters == unknown.image == unknown.text == UNKNOWN


def test_refuses_a_model_that_no_library_has():
    with pytest.raises(InputError, match=r"'ViT-B-33'.*ViT-B-32"):
        cost(OpenClipModel(model="ViT-B-33"))
