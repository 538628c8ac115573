from contextlib import nullcontext

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from interpreting_clip.encoders.encoder import Encoder, clip_encoder
from interpreting_clip.encoders.encoder_card import OpenClipConfig, Origin
from interpreting_clip.encoders.heads import encode_texts
from interpreting_clip.encoders.sources.checkpoint import CheckpointFile
from interpreting_clip.encoders.state_dicts import MatchedTower
from interpreting_clip.encoders.weights import compare_with_training
from interpreting_clip.errors import InputError
from tests.unit.encoders.conftest import TINY, load_state_dict


def same(encoder: Encoder, other: Encoder) -> bool:
    state = other.module.state_dict()
    return all(torch.equal(state[k], t) for k, t in encoder.module.state_dict().items())


def test_a_clip_takes_its_weights_in_single_precision_and_a_scale_of_any_shape(tiny_clip):
    other = clip_encoder(TINY, None, 5)
    weights = dict(other.module.state_dict())
    loaded = load_state_dict(TINY, weights)
    assert same(loaded, other) and not same(loaded, tiny_clip)
    assert loaded.card == tiny_clip.card
    half = {name: value.half() for name, value in weights.items()}
    half["logit_scale"] = torch.tensor([2.5])
    found = load_state_dict(TINY, half).module
    assert all(t.dtype != torch.float16 for t in found.state_dict().values())
    assert torch.equal(found.get_parameter("visual.proj"), half["visual.proj"].float())
    assert found.get_parameter("logit_scale") == 2.5


def test_a_clip_with_a_text_tower_of_its_own_takes_the_older_names():
    whole = clip_encoder(TINY, None, 5)
    config = OpenClipConfig(model="custom", config=TINY.config | {"custom_text": True})
    loaded = load_state_dict(config, whole.module.state_dict())
    assert type(loaded.module).__name__ == "CustomTextCLIP"
    ours, theirs = (encode_texts(clip, ["a cat", "an old dog"]) for clip in (loaded, whole))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_small_vit_of_a_training_with_other_attention_heads_is_refused(tiny_clip):
    found = MatchedTower({"image_projection": torch.ones(384, 512)}, "", "visual.")
    origin = Origin(source="checkpoint", location="slip.pt", sha256="")
    entry = CheckpointFile(backbone="b", file="slip.pt", sha256=64 * "0")
    for width, refused in ((384, True), (768, False)):
        card = replace(tiny_clip.card, origin=origin, feature_width=width)
        with pytest.raises(InputError, match=r"slip\.pt: .*12") if refused else nullcontext():
            assert "SLIP" in compare_with_training(entry, found, card)
