import torch

from stages.encoders.open_clip_models import build_clip, build_image_tower, seeded
from stages.encoders.tokenizer import Vocabulary

WORDS = Vocabulary(["fish", "house"])


def test_the_tower_alone_starts_as_the_clip_s_tower(backbone):
    whole = build_clip(backbone, WORDS, 4).module.get_submodule("visual").state_dict()
    alone = build_image_tower(backbone, 4).module.state_dict()
    assert whole.keys() == alone.keys()
    assert all(torch.equal(whole[key], alone[key]) for key in whole)


def test_another_seed_gives_other_weights(backbone):
    first, second = (
        build_image_tower(backbone, seed).module.get_parameter("conv1.weight") for seed in (0, 1)
    )
    assert not torch.equal(first, second)


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    with seeded(5):
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_text_tower_reads_at_the_highest_token(backbone):
    assert build_clip(backbone, WORDS, 0).module.text_pool_type == "argmax"
