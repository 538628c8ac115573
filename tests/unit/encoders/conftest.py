"""Backbones and encoders that are as small as open_clip allows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from interpreting_clip.encoders.activations import streamed_activations
from interpreting_clip.encoders.encoder import Encoder, clip_encoder
from interpreting_clip.encoders.encoder_card import OpenClipConfig
from interpreting_clip.encoders.encoder_entries import (
    Backbone,
    ComputeType,
    ModifiedResNet,
    TextTransformer,
    VisionTransformer,
)
from interpreting_clip.encoders.layers import forward_hooks, named_layers, per_image
from interpreting_clip.encoders.sources.source import Choice, Source
from interpreting_clip.encoders.tokenizer import build_vocabulary
from interpreting_clip.encoders.towers import load_weights
from interpreting_clip.encoders.weights import find_encoder
from interpreting_clip.loading.batches import ImageDataset
from interpreting_clip.loading.preprocess import resize_and_crop, to_tower
from runner.machine_settings import Machine

VISIONS = {
    "rn": ModifiedResNet(layers=(1, 1, 1, 1), width=2, head_width=16),
    "vit": VisionTransformer(patch=16, layers=2, width=16, head_width=8),
}


def small_backbone(kind: str) -> Backbone:
    return Backbone(
        image_size=32,
        mean=(0.48145466, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        embedding=16,
        quick_gelu=False,
        vision=VISIONS[kind],
        text=TextTransformer(context=8, width=16, heads=2, layers=1),
    )


@pytest.fixture(params=["rn", "vit"])
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return small_backbone(request.param)


@pytest.fixture
def encoder(backbone: Backbone) -> Encoder:
    return clip_encoder(backbone, build_vocabulary(["a photo of a red fish", "an old house"]), 3)


TINY = OpenClipConfig(
    model="tiny",
    config={
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": 32,
            "layers": 2,
            "width": 16,
            "patch_size": 16,
            "head_width": 8,
        },
        "text_cfg": {"context_length": 77, "width": 16, "heads": 2, "layers": 2},
    },
)
"""A CLIP as open_clip configures it, with its tokenizer and very few weights."""


@pytest.fixture
def tiny_clip() -> Encoder:
    return clip_encoder(TINY, None, 0)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)


def build_encoder(entry: Source, backbone: Any, machine: Machine) -> Encoder:
    return find_encoder(entry, backbone, machine)[0]


def load_state_dict(architecture: Any, weights: Mapping[str, torch.Tensor]) -> Encoder:
    return load_weights(architecture, {"": weights}, Choice(), "mine")[0]


def activations(
    encoder: Encoder,
    images: ImageDataset,
    batch_size: int = 256,
    precision: ComputeType = "float32",
) -> np.ndarray:
    machine = Machine(batch_size=batch_size)
    return np.concatenate(list(streamed_activations(encoder, images, machine, precision)))


def layer_features(encoder: Encoder, images: np.ndarray) -> dict[str, torch.Tensor]:
    """Return the output of every layer, one row per image."""
    features = {}

    def keep(layer: str, output: object) -> None:
        features[layer] = per_image(output, len(images), layer).flatten(1).clone()

    tower, preprocess = encoder.visual.eval(), encoder.card.preprocess
    squares = np.stack([resize_and_crop(image, preprocess) for image in images])
    with forward_hooks(named_layers(encoder.visual), keep), torch.inference_mode():
        tower(to_tower(squares, preprocess))
    return features


def require_layers(encoder: Encoder, names: list[str]) -> None:
    """Assert that an encoder has these layers with different rows, the last its activations."""
    size = encoder.card.preprocess.size
    images = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    features = layer_features(encoder, images)
    assert list(features) == names
    assert all(rows.shape[0] == 3 and rows.ndim == 2 for rows in features.values())
    *_, last = features.values()
    assert np.array_equal(last.numpy(), activations(encoder, images, 3))
    different = len({float(rows.std()) for rows in features.values()})
    assert different >= len(names) - 1  # a first stage that is initially the identity
