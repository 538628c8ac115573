import numpy as np
import pytest
import torch

from interpreting_clip.encoders.encoder import clip_encoder
from interpreting_clip.encoders.tokenizer import build_vocabulary
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.contrastive import (
    LARGEST_SCALE,
    own_caption,
    pretrain,
    tokenize_captions,
)


def test_an_image_counts_when_its_own_caption_is_the_nearest():
    image = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [1.0, 1.0]])
    text = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert own_caption(image, text, torch.tensor([1, 1, 0, 0])) == 1
    assert own_caption(image, text, torch.tensor([1, 0, 1, 0])) == 0.5


def test_a_clip_learns_to_name_unseen_images(clip, accuracy, head_of):
    assert accuracy(clip, head_of(clip)) > 0.9
    assert clip.module.get_parameter("logit_scale") <= LARGEST_SCALE


def test_shuffled_captions_teach_nothing(recipe, backbone, toy, accuracy, head_of):
    captions = np.random.default_rng(0).permutation(toy.captions).tolist()
    encoder = pretrain(recipe, backbone, toy.images, captions, callbacks=Callbacks())
    assert accuracy(encoder, head_of(encoder)) < 0.5


@pytest.mark.parametrize("workers", [0, 2])
def test_tokens_are_those_of_the_encoder_whatever_the_workers(backbone, toy, monkeypatch, workers):
    monkeypatch.setattr("interpreting_clip.training.contrastive.BLOCK", 100)
    encoder = clip_encoder(backbone, build_vocabulary(toy.captions), 0)
    found = tokenize_captions(encoder, toy.captions, workers)
    np.testing.assert_array_equal(found, encoder.tokenize(toy.captions))
