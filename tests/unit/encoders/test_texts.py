import numpy as np
import pytest
import torch
from open_clip import OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES, get_tokenizer

from stages.encoders.encoder import initialise
from stages.encoders.heads import encode_texts, prompt_templates
from stages.runtime.errors import InputError
from tests.unit.encoders.conftest import TINY

TEXTS = ["a photo of a cat.", "a bad photo of the great white shark, far away.", ""]
LONG = "an old house " * 90


def test_tokens_are_those_of_open_clip(tiny_clip):
    expected = get_tokenizer("ViT-B-32")([*TEXTS, LONG])
    assert np.array_equal(tiny_clip.tokenize([*TEXTS, LONG]), expected)


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], [*TEXTS, LONG]])
def test_padding_changes_nothing(tiny_clip, texts):
    with torch.no_grad():
        expected = tiny_clip.module.encode_text(torch.from_numpy(tiny_clip.tokenize(texts)))
    np.testing.assert_allclose(encode_texts(tiny_clip, texts), expected, atol=1e-6)


def test_the_tower_reads_whole_texts_again_afterwards(tiny_clip):
    positions = tiny_clip.module.positional_embedding
    encode_texts(tiny_clip, TEXTS)
    assert tiny_clip.module.positional_embedding is positions
    assert tiny_clip.module.attn_mask.shape == (77, 77)
    assert dict(tiny_clip.module.named_parameters())["positional_embedding"] is positions


def test_a_vocabulary_s_texts_go_through_unchanged(encoder):
    tokens = torch.from_numpy(encoder.vocabulary.encode(["a red fish"], 8))
    with torch.inference_mode():
        expected = encoder.module.encode_text(tokens)
    assert np.array_equal(encode_texts(encoder, ["a red fish"]), expected)


def test_an_encoder_without_a_text_tower_is_refused():
    with pytest.raises(InputError, match="no CLIP"):
        initialise(TINY, 0).tokenize(TEXTS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai_imagenet", OPENAI_IMAGENET_TEMPLATES),
        ("simple_imagenet", SIMPLE_IMAGENET_TEMPLATES),
    ],
)
def test_named_templates_are_open_clip_s(name, expected):
    filled = [template.replace("{}", "cat") for template in prompt_templates(name)]
    assert filled == [template("cat") for template in expected]


def test_written_templates_are_kept():
    assert prompt_templates(["a {}", "an old {}"]) == ["a {}", "an old {}"]
