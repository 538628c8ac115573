import numpy as np
import pytest
import torch

from stages.encoders.encoder import classifier_encoder, initialise
from stages.encoders.heads import zero_shot_head
from stages.measures.head import random_unit_rows
from stages.runtime.errors import InputError

CLASSES = ["fish", "house"]
TEMPLATES = ["a photo of a {}", "an old {}", "a {} on Mars"]


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


def test_rows_have_unit_length(encoder):
    head = zero_shot_head(encoder, CLASSES, TEMPLATES)
    np.testing.assert_allclose(np.linalg.norm(head, axis=1), 1, rtol=1e-6)


def test_the_order_of_templates_does_not_matter(encoder):
    heads = [zero_shot_head(encoder, CLASSES, t) for t in (TEMPLATES, TEMPLATES[::-1])]
    np.testing.assert_allclose(heads[0], heads[1], atol=1e-6)


def test_a_class_that_no_caption_names_is_refused(encoder):
    with pytest.raises(InputError, match=r"class 'zebra'.*word 'zebra'"):
        zero_shot_head(encoder, ["fish", "zebra"], TEMPLATES)


def test_an_encoder_without_text_has_no_zero_shot_head(backbone):
    with pytest.raises(InputError, match="no CLIP"):
        zero_shot_head(initialise(backbone, 0), CLASSES, TEMPLATES)


def test_a_trained_head_has_a_bias_where_features_are_not_normalised(backbone):
    biases = {}
    for normalize in (False, True):
        encoder = classifier_encoder(backbone, CLASSES, 0, normalize_features=normalize)
        weight, biases[normalize] = encoder.trained_head()
        assert weight.shape == (2, 16)
    assert biases[True] is None and biases[False].shape == (2,)


def test_an_untrained_encoder_has_no_trained_head(backbone):
    with pytest.raises(InputError, match="no trained head"):
        initialise(backbone, 0).trained_head()


def test_a_random_head_is_fixed_by_its_seed():
    head = random_unit_rows(3, 8, seed=1)
    assert np.array_equal(head, random_unit_rows(3, 8, seed=1))
    assert not np.array_equal(head, random_unit_rows(3, 8, seed=2))
    np.testing.assert_allclose(np.linalg.norm(head, axis=1), 1, rtol=1e-6)
