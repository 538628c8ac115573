"""Weights of transformers under timm's and open_clip's names: the same features, from its models.

Both of its layouts: that of its files, and that of its modules.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.encoders.towers import load_weights
from interpreting_clip.encoders.transformers_names import library_names
from interpreting_clip.errors import InputError
from tests.unit.encoders.conftest import TINY

transformers = pytest.importorskip("transformers")

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = SIZES | {"image_size": 32, "patch_size": 16, "intermediate_size": 64}
Tensors = dict[str, torch.Tensor]


def drawn(model: Any) -> Any:
    """Draw all weights, so that no two arrays are alike."""
    torch.manual_seed(0)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(value + 0.2 * torch.randn(value.shape))
    return model.eval()


def timm_vit(**changes: Any) -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    sizes = {"img_size": 32, "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2}
    return VisionTransformer(**sizes, num_classes=0, **changes).eval()


def timm_eva(**changes: Any) -> nn.Module:
    from timm.models.eva import Eva

    sizes = {"img_size": 32, "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2}
    return Eva(**sizes, use_abs_pos_emb=False, num_classes=0, **changes).eval()


def timm_beit() -> nn.Module:
    from timm.models.beit import Beit

    sizes = {"img_size": 32, "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2}
    more = {"use_abs_pos_emb": False, "use_rel_pos_bias": True, "init_values": 0.1}
    return Beit(**sizes, **more, num_classes=0).eval()


def clip_config() -> Any:
    text = SIZES | {"intermediate_size": 64, "vocab_size": 49408, "eos_token_id": 49407}
    return transformers.CLIPConfig(vision_config=VISION, text_config=text, projection_dim=16)


def siglip_config() -> Any:
    # timm's and open_clip's towers have the exact GELU.
    exact = {"hidden_act": "gelu"}
    text = SIZES | exact | {"intermediate_size": 64, "vocab_size": 99, "max_position_embeddings": 8}
    return transformers.SiglipConfig(vision_config=VISION | exact, text_config=text)


class Case(NamedTuple):
    """A model of transformers, its counterpart in timm, and what remains of the file."""

    theirs: Callable[[], Any]
    ours: Callable[[], nn.Module]
    beside: tuple[str, ...] = ()


def dinov2(kind: str = "Dinov2", **changes: Any) -> Any:
    config = getattr(transformers, f"{kind}Config")(
        **SIZES, image_size=32, patch_size=16, **changes
    )
    return getattr(transformers, f"{kind}Model")(config)


def vit(kind: str, config: str = "ViT", **changes: Any) -> Any:
    sizes = VISION | {"layer_norm_eps": 1e-6} | changes
    return getattr(transformers, kind)(getattr(transformers, f"{config}Config")(**sizes))


def dinov3() -> Any:
    config = transformers.DINOv3ViTConfig(**VISION, num_register_tokens=4)
    return transformers.DINOv3ViTModel(config)


def beit() -> Any:
    bias = {"use_relative_position_bias": True, "layer_norm_eps": 1e-6}
    return transformers.BeitForImageClassification(transformers.BeitConfig(**VISION, **bias))


DINOV3 = {
    "num_reg_tokens": 4,
    "init_values": 1.0,
    "use_rot_pos_emb": True,
    "rope_type": "dinov3",
    "rope_temperature": 100.0,
    "rope_rotate_half": True,
    "global_pool": "token",
    "use_fc_norm": False,
    "norm_layer": partial(nn.LayerNorm, eps=1e-5),
}
REGISTERS = {"reg_tokens": 4, "no_embed_class": True, "init_values": 1.0}
CASES = {
    "ViT": Case(lambda: vit("ViTModel"), timm_vit, ("pooler.",)),
    "ViT, masked images": Case(
        lambda: vit("ViTForMaskedImageModeling", encoder_stride=16),
        timm_vit,
        ("decoder.", "mask_token"),
    ),
    "DINOv2": Case(dinov2, lambda: timm_vit(init_values=1.0), ("mask_token",)),
    "DINOv2 with registers": Case(
        lambda: dinov2("Dinov2WithRegisters", num_register_tokens=4),
        lambda: timm_vit(**REGISTERS),
        ("mask_token",),
    ),
    "DINOv3": Case(dinov3, lambda: timm_eva(**DINOV3), ("mask_token",)),
    "BEiT": Case(beit, timm_beit, ("classifier.",)),
    "CLIP's image tower": Case(
        lambda: transformers.CLIPVisionModel(clip_config().vision_config),
        lambda: timm_vit(pre_norm=True, act_layer="quick_gelu", norm_layer=nn.LayerNorm),
    ),
    "SigLIP's image tower": Case(
        lambda: transformers.SiglipVisionModel(siglip_config().vision_config),
        lambda: timm_vit(class_token=False, global_pool="map"),
    ),
}


def saved(model: Any, folder: Path) -> Tensors:
    """Return the arrays of a file that transformers writes."""
    model.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("layout", ["file", "module"])
@pytest.mark.parametrize("name", CASES)
def test_a_tower_of_timm_has_the_features_of_transformers(tmp_path, name, layout):
    case = CASES[name]
    theirs, ours = drawn(case.theirs()), case.ours()
    weights = saved(theirs, tmp_path) if layout == "file" else theirs.state_dict()
    renamed, names = library_names(weights, ours.state_dict()), ours.state_dict().keys()
    end = "patch_embed.proj.weight"
    prefix = next(n.removesuffix(end) for n in renamed if n.endswith(end))
    named = {n.removeprefix(prefix): value for n, value in renamed.items()}
    assert all(n.startswith(case.beside) for n in named.keys() - names)
    ours.load_state_dict({n: value for n, value in named.items() if n in names})
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        # The base model of DINOv3's is its blocks.
        found = theirs(images) if "DINO" in name else theirs.base_model(images)
        pooled = found.last_hidden_state[:, 0] if "ViT" in name else found.pooler_output
        torch.testing.assert_close(ours(images), pooled, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrapped", ["", "module."])
def test_both_towers_of_a_clip(wrapped):
    model = drawn(transformers.CLIPModel(clip_config()))
    weights = {f"{wrapped}{name}": value for name, value in model.state_dict().items()}
    weights[f"{wrapped}vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    encoder, found = load_weights(TINY, {"": weights}, Choice(), "mine")
    assert (found.prefix, found.converted, encoder.card.kind) == (wrapped, True, "clip")
    images, tokens = torch.randn(2, 3, 32, 32), torch.zeros(2, 77, dtype=torch.long)
    tokens[:, :4] = torch.tensor([[49406, 320, 2368, 49407], [49406, 320, 1929, 49407]])
    clip: Any = encoder.module.eval()
    with torch.inference_mode():
        theirs = model.get_image_features(images), model.get_text_features(tokens)
        ours = clip.encode_image(images), clip.encode_text(tokens)
    for found, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected.pooler_output, rtol=1e-4, atol=1e-5)
    assert clip.logit_scale == model.logit_scale


def test_both_towers_of_a_siglip():
    from open_clip.transformer import TextTransformer

    model = drawn(transformers.SiglipModel(siglip_config()))
    trunk = timm_vit(class_token=False, global_pool="map")
    text = TextTransformer(
        context_length=8,
        vocab_size=99,
        width=16,
        heads=2,
        layers=2,
        output_dim=16,
        no_causal_mask=True,
        pool_type="last",
        proj_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),  # pyright: ignore - open_clip's own way
    )
    renamed = library_names(model.state_dict(), {f"trunk.{name}" for name in trunk.state_dict()})
    for prefix, tower in (("visual.trunk.", trunk), ("text.", text.eval())):
        own = {n.removeprefix(prefix): v for n, v in renamed.items() if n.startswith(prefix)}
        tower.load_state_dict(own)
    images, tokens = torch.randn(2, 3, 32, 32), torch.randint(2, 99, (2, 8))
    with torch.inference_mode():
        theirs = model.get_image_features(images), model.get_text_features(tokens)
        ours = trunk(images), text(tokens)
    for found, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected.pooler_output, rtol=1e-4, atol=1e-5)


def test_an_image_tower_without_its_projection_has_no_embedding():
    model = transformers.CLIPVisionModel(clip_config().vision_config)
    with pytest.raises(InputError, match=r"missing are 1: proj;.*CLIPVisionModelWithProjection"):
        load_weights(TINY, {"": model.state_dict()}, Choice(), "mine")
    model = transformers.CLIPVisionModelWithProjection(clip_config().vision_config)
    weights = model.state_dict() | {"visual_projection.weight": torch.randn(16, 16)}
    encoder, _ = load_weights(TINY, {"": weights}, Choice(), "mine")
    projection = encoder.module.get_parameter("visual.proj")
    assert torch.equal(projection, weights["visual_projection.weight"].T)
