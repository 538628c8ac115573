import pytest
import torch

from stages.config.encoders import TimmModel, TorchvisionModel
from stages.encoders.encoder import classifier_encoder, initialise
from stages.encoders.library_models import (
    build_library_model,
    timm_preprocess,
    torchvision_preprocess,
)
from stages.encoders.locations import published_digest
from stages.runtime.errors import InputError

MODELS = [
    TorchvisionModel(model="resnet18"),
    TorchvisionModel(model="efficientnet_b0"),
    TimmModel(model="resnet18"),
    TimmModel(model="vit_tiny_patch16_224"),
]
CONFIG = {
    "input_size": (3, 224, 224),
    "interpolation": "bicubic",
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "crop_pct": 0.9,
    "crop_mode": "center",
}


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
    logits = model.head(model.module.eval()(images))
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("backbone", MODELS[::2], ids=["torchvision", "timm"])
def test_a_classifier_from_scratch_has_the_library_s_tower(backbone):
    encoder = classifier_encoder(backbone, ["a", "b"], 4, normalize_features=False)
    assert encoder.module(torch.zeros(1, 3, 224, 224)).shape == (1, 2)
    assert encoder.card.architecture == backbone
    assert encoder.card.feature_width == 512


@pytest.mark.parametrize("backbone", MODELS[:3:2], ids=["torchvision", "timm"])
def test_a_model_can_be_counted_without_memory(backbone):
    with torch.device("meta"):
        encoder = initialise(backbone, 0)
    assert next(encoder.visual.parameters()).is_meta
    assert encoder.visual.state_dict().keys() == initialise(backbone, 0).visual.state_dict().keys()


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (TorchvisionModel(model="resnet51"), "resnet50"),
        (TimmModel(model="resnet51"), "resnet50"),
        (TorchvisionModel(model="squeezenet1_1"), "one linear layer"),
        (TimmModel(model="deit_tiny_distilled_patch16_224"), "one linear layer"),
        (TorchvisionModel(model="inception_v3"), "transform_input"),
    ],
)
def test_models_that_are_unknown_or_unsupported_are_refused(backbone, message):
    with pytest.raises(InputError, match=message):
        initialise(backbone, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"crop_mode": "border"},
        {"crop_pct": 1.05},
        {"interpolation": "lanczos"},
        {"input_size": (3, 224, 192)},
    ],
)
def test_images_prepared_in_other_ways_are_refused(change):
    with pytest.raises(InputError, match="not supported"):
        timm_preprocess("mine", CONFIG | change)


def test_every_classifier_of_torchvision_prepares_images_in_our_terms():
    from torchvision import models

    for name in models.list_models(module=models):
        for weights in models.get_model_weights(name):
            preprocess = torchvision_preprocess(weights.transforms())
            assert 0 < preprocess.size <= (preprocess.resize or 0)
            assert len(published_digest(weights.url)) >= 8
