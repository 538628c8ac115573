"""The towers of linear probes: whole, or without the projection of a CLIP."""

from typing import Any

import numpy as np
import pytest
import torch

from interpreting_clip.encoders.encoder import (
    Encoder,
    clip_encoder,
    initialise,
    load_encoder,
    save_encoder,
)
from interpreting_clip.encoders.encoder_card import OpenClipConfig
from interpreting_clip.encoders.encoder_entries import TimmModel
from interpreting_clip.encoders.probed import choose_images, probed_encoder, with_head
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.errors import InputError
from tests.unit.encoders.conftest import TINY, activations, small_backbone

TIMM_TOWER = OpenClipConfig(
    model="tiny-timm",
    config=TINY.config
    | {"vision_cfg": {"timm_model_name": "test_vit", "timm_pool": "", "image_size": 160}},
)
"""A CLIP whose image tower is timm's, with open_clip's linear projection behind it."""


def read_by_projection(encoder: Encoder, images: np.ndarray) -> np.ndarray:
    """Return what the last product of a tower reads, and check that it gives the activations."""
    tower: Any = encoder.visual
    seen: list[torch.Tensor] = []
    if hasattr(tower, "ln_post"):
        tower.ln_post.register_forward_hook(lambda *passed: seen.append(passed[-1][:, 0]))
        weight = tower.proj.T
    else:
        tower.head.proj.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        weight = tower.head.proj.weight
    whole = activations(encoder, images)
    found = seen[0].numpy()
    np.testing.assert_allclose(found @ weight.detach().numpy().T, whole, atol=1e-5)
    return found


@pytest.mark.parametrize("kind", ["vit", "timm"])
def test_before_the_projection_are_the_features_that_it_reads(kind, images):
    start = clip_encoder(TINY if kind == "vit" else TIMM_TOWER, None, 0)
    found = probed_encoder(start, "before_projection")
    expected = read_by_projection(start, images)
    np.testing.assert_array_equal(activations(found, images), expected)
    assert found.card.feature_width == expected.shape[1] == (16 if kind == "vit" else 64)


def test_before_the_projection_of_attention_pooling_are_features_that_it_maps(images):
    start = clip_encoder(small_backbone("rn"), Vocabulary(["fish"]), 0)
    found = probed_encoder(start, "before_projection")
    assert found.card.feature_width == 64  # 32 times the width of 2
    projection: Any = start.visual.get_submodule("attnpool.c_proj")
    mapped = projection(torch.from_numpy(activations(found, images))).detach()
    np.testing.assert_allclose(mapped, activations(start, images), atol=1e-6)


@pytest.mark.parametrize("features", ["embedding", "before_projection"])
def test_a_probed_encoder_with_its_head_is_read_as_it_was_written(
    encoder, images, tmp_path, features
):
    probed = probed_encoder(encoder, features)
    width = probed.card.feature_width
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((3, width)), rng.standard_normal(3)
    save_encoder(tmp_path, with_head(probed, weight, bias, ["a", "b", "c"]))
    found = load_encoder(tmp_path)
    np.testing.assert_array_equal(activations(found, images), activations(probed, images))
    if features == "embedding":
        np.testing.assert_array_equal(activations(found, images), activations(encoder, images))
    own_weight, own_bias = found.trained_head(["a", "b", "c"])
    np.testing.assert_array_equal(own_weight, weight.astype(np.float32))
    assert own_bias is not None
    np.testing.assert_array_equal(own_bias, bias.astype(np.float32))
    assert (found.card.kind, found.card.normalize_features) == ("classifier", False)
    assert found.card.preprocess == encoder.card.preprocess
    assert found.card.origin is None


def test_a_tower_without_a_linear_projection_is_refused():
    with pytest.raises(InputError, match="`features: embedding`"):
        probed_encoder(initialise(TimmModel(model="test_resnet"), 0), "before_projection")


def test_images_are_evenly_spaced_in_each_class():
    classes = np.array([0, 1] * 10 + [2, 2])
    assert choose_images(classes, ["a", "b", "c"], "all").tolist() == list(range(22))
    rows = choose_images(classes, ["a", "b", "c"], 5)
    assert rows.tolist() == sorted([0, 4, 8, 12, 16, 1, 5, 9, 13, 17, 20, 21])


def test_a_class_with_less_than_two_images_is_refused():
    with pytest.raises(InputError, match=r"class 1, 'fish'.*has 1"):
        choose_images(np.array([0, 0, 1, 2, 2]), ["house", "fish", "key"], "all")
