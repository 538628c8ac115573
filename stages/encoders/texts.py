"""Texts through a CLIP's text tower."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from stages.config.encoders import Backbone
from stages.encoders.card import OpenClipConfig
from stages.encoders.encoder import Encoder, to_array
from stages.encoders.open_clip_models import import_open_clip
from stages.runtime.errors import InputError


def tokenize(encoder: Encoder, texts: Sequence[str]) -> Int[np.ndarray, "text token"]:
    """Return the tokens of texts, padded to the length that the text tower reads.

    A CLIP trained here splits into the words of its vocabulary and refuses a text that is too
    long; a model of open_clip splits into byte pairs (`SimpleTokenizer`) and cuts such a text,
    as its training did.

    Raises
    ------
    InputError
        The encoder has no text tower, or a text is too long for its vocabulary's tower.
    """
    architecture, vocabulary = encoder.card.architecture, encoder.vocabulary
    if encoder.card.kind != "clip":
        raise InputError("texts need a text tower: this encoder is no CLIP")
    if isinstance(architecture, Backbone) and vocabulary is not None:
        return vocabulary.encode(texts, architecture.text.context)
    return open_clip_tokens(architecture, texts)  # pyright: ignore


def open_clip_tokens(
    architecture: OpenClipConfig, texts: Sequence[str]
) -> Int[np.ndarray, "text token"]:
    """Return the byte pairs of texts, as open_clip's own tokenizer numbers them."""
    tokenizers = import_open_clip().tokenizer
    text = architecture.config["text_cfg"]
    length = text.get("context_length", tokenizers.DEFAULT_CONTEXT_LENGTH)
    tokenizer = tokenizers.SimpleTokenizer(
        context_length=length, **(text.get("tokenizer_kwargs") or {})
    )
    return tokenizer(list(texts)).numpy()


def encode_texts(encoder: Encoder, texts: Sequence[str]) -> Float[np.ndarray, "text feature"]:
    """Return the text embeddings of a CLIP, before normalisation.

    A text tower whose tokens do not see those after them is spared the padding after the longest
    text: the embedding at a text's end does not depend on it.

    Raises
    ------
    InputError
        As `tokenize`.
    """
    tokens = torch.from_numpy(tokenize(encoder, texts))
    module = encoder.module.eval()
    device = next(module.parameters()).device
    with torch.inference_mode():
        if not pads_freely(encoder):
            return to_array(module.encode_text(tokens.to(device)))  # pyright: ignore
        length = int(tokens.argmax(dim=1).max()) + 1
        with narrowed(module, length):
            return to_array(module.encode_text(tokens[:, :length].to(device)))  # pyright: ignore


def pads_freely(encoder: Encoder) -> bool:
    """Say whether padding changes nothing: open_clip's `CLIP`, causal, read at its highest token.

    CLIPs trained here have texts of a dozen tokens, and nothing to gain.
    """
    module = encoder.module
    return (
        isinstance(encoder.card.architecture, OpenClipConfig)
        and isinstance(module, import_open_clip().CLIP)
        and getattr(module, "attn_mask", None) is not None
        and module.text_pool_type == "argmax"
    )


@contextmanager
def narrowed(module: nn.Module, length: int) -> Iterator[None]:
    """Let a text tower read `length` tokens for a block."""
    positions, mask = module.positional_embedding, module.attn_mask
    module.positional_embedding = nn.Parameter(positions[:length], requires_grad=False)  # pyright: ignore
    module.attn_mask = mask[:length, :length]  # pyright: ignore
    try:
        yield
    finally:
        module.positional_embedding, module.attn_mask = positions, mask
