import pytest
import torch
from torch import nn

from stages.config.encoders import TimmModel
from stages.encoders.encoder import initialise
from stages.encoders.layers import named_layers, per_image
from stages.runtime.errors import InputError
from tests.unit.encoders.conftest import TINY, require_layers


@pytest.mark.parametrize(("backbone", "blocks"), [(TINY, 2), (TimmModel(model="test_vit"), 6)])
def test_layers_are_the_blocks_between_embedding_and_output(backbone, blocks):
    names = ["embedding", *(f"block{i:02d}" for i in range(1, blocks + 1)), "output"]
    require_layers(initialise(backbone, 0), names)


def test_an_unknown_tower_has_its_parts():
    tower = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    assert list(named_layers(tower)) == ["0", "3", "output"]


@pytest.mark.parametrize(
    "output", [None, {"a": torch.ones(4, 2)}, torch.ones(4), torch.ones(50, 4, 8)]
)
def test_a_layer_without_a_row_per_image_is_refused(output):
    with pytest.raises(InputError, match=r"layer 'block01'.*4 images"):
        per_image(output, 4, "block01")
