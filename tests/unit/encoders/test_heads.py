from dataclasses import replace as with_parts

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from interpreting_clip.encoders.encoder import classifier_encoder, initialise
from interpreting_clip.encoders.heads import (
    classifier_from_clip,
    encode_texts,
    zero_shot_head,
)
from interpreting_clip.errors import InputError
from interpreting_clip.loading.preprocess import to_tower
from tests.unit.encoders.conftest import TINY

CLASSES = ["fish", "house"]
TEMPLATES = ["a photo of a {}", "an old {}", "a {} on Mars"]
TEXTS = ["a photo of a cat.", "a bad photo of the great white shark, far away.", ""]
LONG = "an old house " * 90


def test_the_zero_shot_head_is_the_plain_mean(encoder):
    module, vocabulary = encoder.module, encoder.vocabulary
    for row, name in zip(zero_shot_head(encoder, CLASSES, TEMPLATES), CLASSES, strict=True):
        total = torch.zeros(16)
        for template in TEMPLATES:
            tokens = torch.from_numpy(vocabulary.encode([template.format(name)], 8))
            with torch.no_grad():
                text = module.encode_text(tokens)[0]
            total += text / text.norm()
        np.testing.assert_allclose(row, total / total.norm(), atol=1e-6)


def test_an_untrained_encoder_has_neither_a_zero_shot_nor_a_trained_head(backbone):
    encoder = initialise(backbone, 0)
    with pytest.raises(InputError, match="text tower"):
        zero_shot_head(encoder, CLASSES, TEMPLATES)
    with pytest.raises(InputError, match="no trained head"):
        encoder.trained_head(CLASSES)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_trained_head_has_a_bias_where_features_are_not_normalised(normalize):
    encoder = classifier_encoder(TINY, CLASSES, 0, normalize_features=normalize)
    weight, bias = encoder.trained_head(CLASSES)
    assert weight.shape == (2, 16) and (bias is None) == normalize


def test_a_trained_head_for_other_classes_is_refused():
    encoder = classifier_encoder(TINY, CLASSES, 0, normalize_features=True)
    with pytest.raises(InputError, match=r"class 0 .*'fish'.*'ho"):
        encoder.trained_head(CLASSES[::-1])


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], [*TEXTS, LONG]])
def test_padding_changes_neither_embeddings_nor_the_tower(tiny_clip, texts):
    positions = tiny_clip.module.positional_embedding
    with torch.no_grad():
        expected = tiny_clip.module.encode_text(torch.from_numpy(tiny_clip.tokenize(texts)))
    np.testing.assert_allclose(encode_texts(tiny_clip, texts), expected, atol=1e-6)
    assert tiny_clip.module.attn_mask.shape == (77, 77)
    assert tiny_clip.module.positional_embedding is positions
    assert dict(tiny_clip.module.named_parameters())["positional_embedding"] is positions


def test_its_logits_are_the_clip_s(tiny_clip, images):
    head = zero_shot_head(tiny_clip, CLASSES, ["a photo of a {}"])
    classifier = classifier_from_clip(tiny_clip, head, CLASSES)
    pixels = to_tower(images, tiny_clip.card.preprocess)
    with torch.no_grad():
        features = tiny_clip.module.encode_image(pixels, normalize=True)
        expected = tiny_clip.module.logit_scale.exp() * features @ torch.from_numpy(head).T
        torch.testing.assert_close(classifier.module(pixels), expected)


def test_it_sees_images_as_the_clip_does_and_shares_no_weight(tiny_clip):
    preprocess = replace(tiny_clip.card.preprocess, mode="squash")
    start = with_parts(tiny_clip, card=replace(tiny_clip.card, preprocess=preprocess))
    classifier = classifier_from_clip(start, np.ones((2, 16), np.float32), CLASSES)
    assert classifier.card.preprocess == preprocess
    assert (classifier.card.kind, classifier.card.classes) == ("classifier", CLASSES)
    before = start.visual.get_parameter("proj").clone()
    torch.nn.init.zeros_(classifier.visual.get_parameter("proj"))
    assert torch.equal(start.visual.get_parameter("proj"), before)
