import pytest
import torch
from torch import nn
from torch.nn import functional

from stages.config.encoders import TimmModel, TorchvisionModel
from stages.encoders.library_models import build_library_model, measured_representation
from stages.encoders.open_clip_models import seeded


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
        (tower(nn.GELU(), nn.LayerNorm(4)), "linear"),
        (tower(nn.Dropout(0.5), nn.Identity()), "linear"),
        (tower(nn.GELU()), "rectified"),
        (tower(nn.SiLU(), nn.Dropout(0.5), nn.Flatten()), "rectified"),
        (tower(nn.PReLU()), "rectified"),
        (Functional(), "rectified"),
    ],
)
def test_what_ends_the_features_counts(module, expected):
    assert measured_representation(module, 2) == expected


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        (TorchvisionModel(model="resnet18"), "rectified"),
        (TorchvisionModel(model="densenet121"), "rectified"),
        (TorchvisionModel(model="vit_b_32"), "linear"),
        (TimmModel(model="efficientnet_lite0"), "rectified"),
        (TimmModel(model="vit_tiny_patch16_224"), "linear"),
        (TimmModel(model="convnext_atto"), "linear"),
    ],
)
def test_real_architectures(backbone, expected):
    assert measured_representation(build_library_model(backbone, 0).module, 224) == expected


def test_the_tower_is_left_as_it_was():
    module = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    measured_representation(module, 2)
    assert module.training and not any(part._forward_hooks for part in module.modules())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
