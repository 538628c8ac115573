import pytest
import torch
from msgspec.structs import replace

from interpreting_clip.encoders.encoder import clip_encoder, initialise
from interpreting_clip.encoders.encoder_card import OpenClipConfig
from interpreting_clip.encoders.entries import OpenClipModel, VisionTransformer
from interpreting_clip.encoders.open_clip_models import build_clip, named_config
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.errors import InputError
from tests.unit.encoders.conftest import TINY, small_backbone

WORDS = Vocabulary(["fish", "house"])


@pytest.mark.parametrize("kind", ["rn", "vit", "named"])
def test_the_tower_alone_starts_as_the_clip_s_tower(kind):
    architecture = TINY if kind == "named" else small_backbone(kind)
    whole = build_clip(architecture, WORDS, 4).module.get_submodule("visual").state_dict()
    alone = build_clip(architecture, None, 4, text=False).module.state_dict()
    assert whole.keys() == alone.keys()
    assert all(torch.equal(whole[key], alone[key]) for key in whole)
    other = build_clip(architecture, None, 5, text=False).module.state_dict()
    assert not torch.equal(other["conv1.weight"], alone["conv1.weight"])


def test_a_stem_of_convolutions_sees_past_a_patch_and_keeps_the_grid():
    linear = small_backbone("vit")
    assert isinstance(linear.vision, VisionTransformer)
    vision = replace(linear.vision, stem="convolutions")
    built = [build_clip(replace(linear, vision=x), WORDS, 4) for x in (linear.vision, vision)]
    towers = [model.module.get_submodule("visual").eval() for model in built]
    image = torch.zeros(1, 3, linear.image_size, linear.image_size)
    changed = image.clone()
    changed[..., : vision.patch] = 1  # the left column of patches
    stems = [tower.get_submodule("conv1") for tower in towers]
    seen = [stem(changed) - stem(image) for stem in stems]
    assert seen[0].shape == seen[1].shape
    columns = [difference.detach().abs().amax((0, 1, 2)) > 0 for difference in seen]
    assert [column.tolist()[:2] for column in columns] == [[True, False], [True, True]]
    assert towers[0](image).shape == towers[1](image).shape
    alone = build_clip(replace(linear, vision=vision), None, 4, text=False).module
    first = "conv1.0.weight"
    assert torch.equal(alone.get_parameter(first), towers[1].get_parameter(first))


def test_a_model_of_the_zoo_is_built_with_its_activation():
    encoder = clip_encoder(OpenClipModel(model="RN50-quickgelu"), None, 0)
    block = encoder.module.get_submodule("transformer.resblocks.0.mlp.gelu")
    assert type(block).__name__ == "QuickGELU"
    assert encoder.card.feature_width == 1024
    assert encoder.card.representation == "linear"
    assert encoder.card.vocabulary is None


def test_a_tower_of_timm_is_built_after_open_clip_went_without_it(tiny_clip):
    vision = {"timm_model_name": "resnet18", "timm_pool": "avg", "timm_proj": "linear"}
    config = TINY.config | {"vision_cfg": vision | {"image_size": 64}}
    encoder = initialise(OpenClipConfig(model="with timm", config=config), 0)
    assert encoder.visual(torch.zeros(2, 3, 64, 64)).shape == (2, 16)


@pytest.mark.parametrize(
    ("name", "message"),
    [("ViT-B-33", "ViT-B-32"), ("roberta-ViT-B-32", "text tower is .*transformers")],
)
def test_models_that_are_unknown_or_unsupported_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        named_config(OpenClipModel(model=name))
