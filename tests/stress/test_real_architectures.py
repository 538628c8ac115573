"""Architectures and files of torchvision and timm as they are published.

Without `LONG=1`, a few architectures stand for all.
"""

import os
import re

import pytest
import torch

from interpreting_clip.encoders.encoder import Encoder, initialise, load_encoder, save_encoder
from interpreting_clip.encoders.encoder_card import OpenClipConfig
from interpreting_clip.encoders.entries import TimmModel, TorchvisionModel
from interpreting_clip.encoders.library_models import build_library_model, measured_representation
from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.encoders.towers import load_weights
from tests.unit.encoders.conftest import TINY, require_layers

LONG = bool(os.environ.get("LONG"))
MODELS = [TorchvisionModel(model="efficientnet_b0"), TimmModel(model="vit_tiny_patch16_224")]


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


FINETUNED = "vit_base_patch32_clip_224"
"""timm's ViT-B/32 of CLIP with a classifier in place of the projection."""


def clip_by_hand(
    w: dict[str, torch.Tensor], images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what feeds the head of a finetuned CLIP ViT, and its logits, from its weights alone.

    Radford et al. 2021, section 2.4, with norms of eps 1e-5: patches without a bias, a class token,
    positions and a norm; blocks with norms before attention and MLP; a norm of the class token.
    """
    width, heads = w["cls_token"].shape[-1], w["cls_token"].shape[-1] // 64

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    count, _, side, _ = images.shape
    patch = w["patch_embed.proj.weight"].shape[-1]
    grid = side // patch
    squares = images.view(count, 3, grid, patch, grid, patch).permute(0, 2, 4, 1, 3, 5)
    patches = squares.reshape(count, grid * grid, -1) @ w["patch_embed.proj.weight"].flatten(1).T
    x = torch.cat([w["cls_token"].expand(count, 1, width), patches], 1) + w["pos_embed"]
    x = norm(x, "norm_pre")
    for block in (f"blocks.{number}" for number in range(12)):
        queries, keys, values = (
            part.view(count, -1, heads, 64).transpose(1, 2)
            for part in linear(norm(x, f"{block}.norm1"), f"{block}.attn.qkv").chunk(3, -1)
        )
        attention = (queries @ keys.transpose(-1, -2) / 8).softmax(-1) @ values
        x = x + linear(attention.transpose(1, 2).flatten(2), f"{block}.attn.proj")
        hidden = linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1")
        gelu = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
        x = x + linear(gelu, f"{block}.mlp.fc2")
    activations = norm(x[:, 0], "norm")
    return activations, linear(activations, "head")


def load(architecture: TorchvisionModel | TimmModel, weights: dict[str, torch.Tensor]) -> Encoder:
    return load_weights(architecture, {"": weights}, Choice(), "mine")[0]


def test_the_activation_of_a_finetuned_clip_is_what_feeds_its_head():
    import timm

    torch.manual_seed(5)
    model = timm.create_model(FINETUNED)
    for name, value in model.named_parameters():  # norms and biases start as 1 and 0
        noise = torch.randn_like(value) * 0.05
        value.data = value.data + noise if "norm" in name or "bias" in name else value.data * 2
    weights = {name: value.detach() for name, value in model.state_dict().items()}
    encoder = load(TimmModel(model=f"{FINETUNED}.openai_ft_in1k"), weights)
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected, logits = clip_by_hand(weights, images)
        activations = encoder.visual.eval()(images)
        torch.testing.assert_close(activations, expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(encoder.module.eval()(images), logits, atol=1e-4, rtol=1e-4)
    assert activations.std() > 0.5 and bool((activations < 0).any())
    card = encoder.card
    assert (card.representation, card.feature_width, card.normalize_features) == (
        "linear",
        768,
        False,
    )
    assert (card.preprocess.size, card.preprocess.resize) == (224, 248)


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


def test_buffers_that_a_module_computes_are_passed_over():
    import timm

    swin = TimmModel(model="swin_tiny_patch4_window7_224")
    model = timm.create_model(swin.model)
    computed = dict(model.named_buffers())
    assert computed.keys() - model.state_dict().keys()
    loaded = load(swin, {**computed, **model.state_dict()})
    weight = model.get_parameter("head.fc.weight")
    assert torch.equal(loaded.module.get_parameter("head.weight"), weight)


def test_a_model_that_asks_for_its_version_is_read_back(tmp_path):
    encoder = initialise(TorchvisionModel(model="mnasnet0_5"), 0)
    save_encoder(tmp_path / "mnasnet", encoder)
    state = load_encoder(tmp_path / "mnasnet").module.state_dict()
    assert all(torch.equal(state[k], t) for k, t in encoder.module.state_dict().items())
