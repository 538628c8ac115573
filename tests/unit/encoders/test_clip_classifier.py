from dataclasses import replace as with_parts

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from stages.encoders.encoder import initialise
from stages.encoders.heads import classifier_from_clip, zero_shot_head
from stages.encoders.preprocess import to_tower
from stages.runtime.errors import InputError
from tests.unit.encoders.conftest import TINY

CLASSES = ["fish", "house"]


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


def test_a_head_of_another_size_and_no_clip_are_refused(tiny_clip):
    with pytest.raises(InputError, match=r"shape \(2, 16\), got \(3, 16\)"):
        classifier_from_clip(tiny_clip, np.ones((3, 16), np.float32), CLASSES)
    with pytest.raises(InputError, match=r"expected a CLIP.*got a classifier"):
        classifier_from_clip(initialise(TINY, 0), np.ones((2, 16), np.float32), CLASSES)
