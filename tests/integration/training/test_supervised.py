import msgspec
import numpy as np
import pytest
import torch

from interpreting_clip.encoders.encoder import classifier_encoder
from interpreting_clip.encoders.encoder_entries import VisionTransformer
from interpreting_clip.encoders.heads import classifier_from_clip
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.supervised import train_classifier


def test_finetuning_learns_and_leaves_its_start_alone(recipe, clip, toy, accuracy, head_of):
    before = {key: value.clone() for key, value in clip.module.state_dict().items()}
    faster = msgspec.structs.replace(recipe, learning_rate=3e-3)
    encoder = classifier_from_clip(clip, head_of(clip), toy.names)
    train_classifier(encoder, faster, toy.images, toy.labels, callbacks=Callbacks())
    assert encoder.card.kind == "classifier" and encoder.card.normalize_features
    weight, bias = encoder.trained_head(toy.names)
    assert bias is None and accuracy(encoder, weight) > 0.9
    assert all(torch.equal(before[k], value) for k, value in clip.module.state_dict().items())


@pytest.fixture
def supervise(cropping_recipe, toy):
    """Return a function that trains a classifier from scratch."""
    given = {"label_smoothing": 0.1, "callbacks": Callbacks()}

    def supervise(backbone, labels):
        seed = cropping_recipe.seed
        encoder = classifier_encoder(backbone, toy.names, seed, normalize_features=False)
        train_classifier(encoder, cropping_recipe, toy.images, labels, **given)
        return encoder

    return supervise


@pytest.mark.parametrize("kind", ["rn", "vit"])
def test_a_classifier_learns_labels(supervise, backbone, toy, accuracy, kind):
    if kind == "vit":
        vision = VisionTransformer(patch=16, layers=1, width=16, head_width=8)
        backbone = msgspec.structs.replace(backbone, vision=vision)
    encoder = supervise(backbone, toy.labels)
    assert accuracy(encoder, *encoder.trained_head(toy.names)) > 0.6
    assert not encoder.card.normalize_features


def test_shuffled_labels_teach_nothing(supervise, backbone, toy, accuracy):
    labels = np.random.default_rng(0).permutation(toy.labels)
    encoder = supervise(backbone, labels)
    assert accuracy(encoder, *encoder.trained_head(toy.names)) < 0.5
