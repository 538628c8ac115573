import pytest
import torch
from torch import nn
from torch.nn import functional

from interpreting_clip.encoders.encoder import classifier_encoder, initialise
from interpreting_clip.encoders.encoder_entries import TimmModel, TorchvisionModel
from interpreting_clip.encoders.library_models import (
    measured_representation,
)
from interpreting_clip.encoders.open_clip_models import seeded
from interpreting_clip.errors import InputError

MODELS = [TorchvisionModel(model="resnet18"), TimmModel(model="test_resnet")]


@pytest.mark.parametrize("backbone", MODELS, ids=["torchvision", "timm"])
def test_a_model_from_scratch_has_the_library_s_tower_and_is_counted_without_memory(backbone):
    encoder = classifier_encoder(backbone, ["a", "b"], 4, normalize_features=False)
    assert encoder.module(torch.zeros(1, 3, 64, 64)).shape == (1, 2)
    assert encoder.card.architecture == backbone
    assert encoder.card.feature_width == encoder.module.get_parameter("head.weight").shape[1]
    with torch.device("meta"):
        counted = initialise(backbone, 0).visual.state_dict()
    assert next(iter(counted.values())).is_meta
    assert counted.keys() == encoder.visual.state_dict().keys()


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (TorchvisionModel(model="resnet51"), "resnet50"),
        (TimmModel(model="deit_tiny_distilled_patch16_224"), "one linear layer"),
        (TorchvisionModel(model="inception_v3"), "transform_input"),
    ],
)
def test_models_that_are_unknown_or_unsupported_are_refused(backbone, message):
    with pytest.raises(InputError, match=message):
        initialise(backbone, 0)


class Functional(nn.Module):
    """Ends in a ReLU that no module is."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.linear(images.flatten(1)))


def tower(*ends: nn.Module) -> nn.Module:
    with seeded(0):  # of so few features, all are positive in one draw of some dozens
        parts = nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 4)
    return nn.Sequential(*parts, *ends)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (tower(), "linear"),
        (tower(nn.Dropout(0.5), nn.Identity()), "linear"),
        (tower(nn.GELU()), "rectified"),
        (tower(nn.SiLU(), nn.Dropout(0.5), nn.Flatten()), "rectified"),
        (Functional(), "rectified"),
    ],
)
def test_what_ends_the_features_counts_and_the_tower_is_left_as_it_was(module, expected):
    assert measured_representation(module.train(), 2) == expected
    assert module.training and not any(part._forward_hooks for part in module.modules())
