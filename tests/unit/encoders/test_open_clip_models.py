import pytest
import torch
from msgspec.structs import replace

from interpreting_clip.encoders.encoder_entries import OpenClipModel, VisionTransformer
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


def test_a_model_of_no_such_name_is_refused_with_one_that_is_near():
    with pytest.raises(InputError, match="ViT-B-32"):
        named_config(OpenClipModel(model="ViT-B-33"))
