import numpy as np
import pytest
import torch
from torch import nn

from stages.config.encoders import TimmModel, TorchvisionModel
from stages.encoders.activations import activations
from stages.encoders.card import OpenClipConfig
from stages.encoders.encoder import initialise
from stages.encoders.layers import named_layers, per_image
from stages.runtime.errors import InputError
from tests.unit.encoders.conftest import TINY, layer_features

RESNET = ["stem", "stage1", "stage2", "stage3", "stage4", "output"]
BLOCKS = ["embedding", *(f"block{i:02d}" for i in range(1, 13)), "output"]
TIMM_TOWER = OpenClipConfig(
    model="with timm",
    config=TINY.config | {"vision_cfg": {"timm_model_name": "resnet18", "image_size": 64}},
)


@pytest.mark.parametrize(
    ("backbone", "names"),
    [
        (TINY, ["embedding", "block01", "block02", "output"]),
        (TIMM_TOWER, RESNET),
        (TorchvisionModel(model="resnet18"), RESNET),
        (TorchvisionModel(model="vit_b_32"), BLOCKS),
        (TimmModel(model="resnet18"), RESNET),
        (TimmModel(model="vit_tiny_patch16_224"), BLOCKS),
        (
            TorchvisionModel(model="mobilenet_v3_small"),
            [*(f"features{i}" for i in range(13)), "classifier0", "output"],
        ),
    ],
)
def test_layers_of_every_kind_of_tower(backbone, names):
    encoder = initialise(backbone, 0)
    size = encoder.card.preprocess.size
    images = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    features = layer_features(encoder, images)
    assert list(features) == names
    assert all(rows.shape[0] == 3 and rows.ndim == 2 for rows in features.values())
    assert np.array_equal(features["output"].numpy(), activations(encoder, images, 3))
    different = len({float(rows.std()) for rows in features.values()})
    assert different >= len(names) - 1  # a first stage that starts as the identity


def test_an_unknown_tower_has_its_parts():
    tower = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    assert list(named_layers(tower)) == ["0", "3", "output"]


@pytest.mark.parametrize(
    "output", [None, {"a": torch.ones(4, 2)}, torch.ones(4), torch.ones(50, 4, 8)]
)
def test_a_layer_without_a_row_per_image_is_refused(output):
    with pytest.raises(InputError, match=r"layer 'block01'.*4 images"):
        per_image(output, 4, "block01")
