"""Architectures and files of torchvision and timm as they are published.

Without `LONG=1`, a few architectures stand for all.
"""

import os
import re

import pytest
import torch

from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.encoders.encoder_entries import TimmModel, TorchvisionModel
from interpreting_clip.encoders.library_models import build_library_model
from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.encoders.towers import load_weights

LONG = bool(os.environ.get("LONG"))
MODELS = [
    TorchvisionModel(model="efficientnet_b0"),
    TimmModel(model="vit_tiny_patch16_224"),
    TimmModel(model="vit_base_patch32_clip_224.openai_ft_in1k"),
]


def whole(backbone: TorchvisionModel | TimmModel) -> torch.nn.Module:
    torch.manual_seed(4)
    if isinstance(backbone, TimmModel):
        import timm

        return timm.create_model(backbone.model)
    from torchvision import models

    return models.get_model(backbone.model, weights=None)


@pytest.mark.parametrize("backbone", MODELS, ids=lambda b: f"{type(b).__name__} {b.model}")
def test_tower_and_head_are_the_library_s_classifier(backbone):
    model, images = build_library_model(backbone, 4), torch.randn(2, 3, 224, 224)
    expected = whole(backbone).eval()(images)
    assert model.head is not None
    logits = model.head(model.module.eval()(images))
    torch.testing.assert_close(logits, expected)


def load(architecture: TorchvisionModel | TimmModel, weights: dict[str, torch.Tensor]) -> Encoder:
    return load_weights(architecture, {"": weights}, Choice(), "mine")[0]


def published(name: str) -> str:
    """Return the name that a weight has in torchvision's files of its first years."""
    name = re.sub(r"mlp\.([03])\.", lambda n: f"mlp.linear_{1 + int(n[1]) // 3}.", name)
    return re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name)


@pytest.mark.parametrize("name", ["densenet121", "vit_b_32"][: None if LONG else 1])
def test_torchvision_s_files_have_older_names_and_no_counters(name):
    from torchvision import models

    model = models.get_model(name, weights=None).eval()
    whole = model.state_dict().items()
    file = {published(key): t for key, t in whole if not key.endswith("num_batches_tracked")}
    assert file.keys() != model.state_dict().keys()
    loaded = load(TorchvisionModel(model=name), file)
    images = torch.randn(2, 3, 224, 224)
    torch.testing.assert_close(loaded.module.eval()(images), model(images))
