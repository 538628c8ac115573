"""From texts to tokens: with a vocabulary of words of our own, or with open_clip's tokenizer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from interpreting_clip.encoders.encoder_entries import split_words
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.errors import InputError

PADDING = 0
"""The token after the end, and open_clip's: the causal mask hides it from what comes before."""
UNKNOWN = 1
"""The token of every word outside the vocabulary; its embedding is never trained."""


class Vocabulary:
    """The words that a text tower knows, one token each.

    A text becomes `start word … word end padding …`. The start and end tokens take the two
    highest numbers, as in CLIP, whose text tower reads its embedding at the highest token
    (`pool_type: argmax`). A real CLIP splits text into byte pairs; a world with fifty words needs
    none of that.
    """

    def __init__(self, words: Iterable[str]) -> None:
        # Sorted, so that tokens do not depend on the order of the captions.
        self.words = sorted(set(words))
        self.tokens = {word: UNKNOWN + 1 + i for i, word in enumerate(self.words)}
        self.start = UNKNOWN + 1 + len(self.words)
        self.end = self.start + 1
        self.size = self.end + 1

    def encode(self, texts: Sequence[str], context: int) -> Int[np.ndarray, "text token"]:
        """Return the tokens of texts, `context` each.

        Unlike CLIP's tokenizer, it does not cut long texts: a caption without its last words
        may say something else.

        Raises
        ------
        InputError
            A text has more than `context − 2` words.
        """
        rows = np.full((len(texts), context), PADDING, np.int64)
        for row, text in zip(rows, texts, strict=True):
            words = split_words(text)
            if len(words) > context - 2:
                raise InputError(
                    f"text.context is {context}, which leaves room for {context - 2} words; "
                    f"{text!r} has {len(words)}: raise text.context or shorten the text"
                )
            tokens = [self.tokens.get(word, UNKNOWN) for word in words]
            row[: len(words) + 2] = [self.start, *tokens, self.end]
        return rows

    def unknown(self, texts: Iterable[str]) -> list[str]:
        """Return the words of `texts` that the vocabulary does not have, sorted."""
        return sorted({word for text in texts for word in split_words(text)} - set(self.words))


def build_vocabulary(texts: Iterable[str]) -> Vocabulary:
    """Return the vocabulary of all words in `texts`: the same for any order of them."""
    return Vocabulary(word for text in set(texts) for word in split_words(text))


def open_clip_tokens(
    text: Mapping[str, Any], texts: Sequence[str]
) -> Int[np.ndarray, "text token"]:
    """Return the byte pairs of texts as open_clip's own tokenizer numbers them.

    `text` is the `text_cfg` of a model. A text that is too long is cut, as in the model's training.
    """
    tokenizers = import_open_clip().tokenizer
    length = text.get("context_length", tokenizers.DEFAULT_CONTEXT_LENGTH)
    tokenizer = tokenizers.SimpleTokenizer(
        context_length=length, **(text.get("tokenizer_kwargs") or {})
    )
    return tokenizer(list(texts)).numpy()
