import numpy as np
import pytest
from open_clip import get_tokenizer

from interpreting_clip.encoders.tokenizer import (
    PADDING,
    UNKNOWN,
    Vocabulary,
    build_vocabulary,
)
from interpreting_clip.errors import InputError

TEXTS = ["a photo of a cat.", "a bad photo of the great white shark, far away.", ""]
LONG = "an old house " * 90


def test_a_text_stands_between_start_and_the_highest_token_and_an_unknown_word_has_its_own():
    vocabulary = Vocabulary(["fish", "a"])
    tokens = vocabulary.encode(["a fish", "", "zebra fish"], context=6)
    assert tokens[0].tolist() == [4, 2, 3, 5, PADDING, PADDING]
    assert tokens.argmax(axis=1).tolist() == [3, 1, 3] and tokens[2, 1] == UNKNOWN
    assert vocabulary.size == 6
    assert vocabulary.unknown(["zebra fish", "old fish"]) == ["old", "zebra"]


def test_the_order_of_captions_does_not_matter():
    texts = ["a red fish", "a House, old", "the sky"]
    assert build_vocabulary(texts).words == build_vocabulary(texts[::-1]).words


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(InputError, match=r"text\.context.*'a red fish'"):
        Vocabulary(["fish"]).encode(["a red fish"], context=4)


def test_tokens_are_those_of_open_clip(tiny_clip):
    expected = get_tokenizer("ViT-B-32")([*TEXTS, LONG])
    assert np.array_equal(tiny_clip.tokenize([*TEXTS, LONG]), expected)
