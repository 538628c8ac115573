"""The zero-shot head of a CLIP, from prompts through its text tower, and the classifier with it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float
from msgspec.structs import replace
from torch import nn

from interpreting_clip.encoders.encoder import Classifier, Encoder, to_array
from interpreting_clip.encoders.encoder_card import OpenClipConfig
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.errors import InputError


def zero_shot_head(
    encoder: Encoder, classes: list[str], templates: Sequence[str] | str
) -> Float[np.ndarray, "class_ feature"]:
    """Return the zero-shot head of a CLIP.

    One row per class: the mean over the templates of the normalised text embeddings, normalised
    again (Radford et al. 2021, section 3.1.4). It applies to features of unit length; the logit
    scale, and a sigmoid model's one bias for all classes, are left out, since they change no
    prediction. 80 templates and 1,000 classes are 80,000 texts, for a ViT-B/32 a minute on a GPU
    and a quarter of an hour on two cores.

    Raises
    ------
    InputError
        The encoder has no text tower, or its captions never had a word of a class's name.
    """
    from tqdm import tqdm

    if encoder.card.kind != "clip":
        raise InputError(
            "a zero-shot head needs a text tower, and this encoder is no CLIP: name a CLIP, or "
            "give the encoder its own `head` (trained or random)"
        )
    if encoder.vocabulary is not None:
        require_known_words(encoder.vocabulary, classes)
    prompts = prompt_templates(templates)
    # About 256 prompts at once, not this machine's batch size: the grouping may change bits.
    size, rows = max(1, 256 // len(prompts)), []
    # most heads take less, and then a log shows no bar
    pause = 0.5 if sys.stderr.isatty() else 60.0
    bar = {"unit": "class", "unit_scale": size, "mininterval": pause, "delay": pause}
    for start in tqdm(range(0, len(classes), size), "zero-shot head", **bar):
        names = classes[start : start + size]
        texts = [prompt.replace("{}", name) for name in names for prompt in prompts]
        embeddings = unit_rows(encode_texts(encoder, texts)).reshape(len(names), len(prompts), -1)
        # The mean over templates is that of unit vectors, and is normalised again at the end.
        rows.append(embeddings.mean(axis=1))
    return unit_rows(np.concatenate(rows)).astype(np.float32)


def prompt_templates(templates: Sequence[str] | str) -> list[str]:
    """Return templates with one `{}` each; a named set has open_clip's templates.

    `openai_imagenet` are the 80 of CLIP's zero-shot accuracies on ImageNet (Radford et al. 2021,
    section 3.1.4), `simple_imagenet` the 7 of them that OpenAI's notebook found to be enough.
    """
    if not isinstance(templates, str):
        return list(templates)
    named = getattr(import_open_clip(), f"{templates.upper()}_TEMPLATES")
    return [prompt("{}") for prompt in named]


def require_known_words(vocabulary: Vocabulary, classes: list[str]) -> None:
    """Refuse classes whose names the text tower cannot tell apart from any unknown word.

    A template may hold unknown words: they are the same in the prompts of all classes.

    Raises
    ------
    InputError
        Names the class and the words that no caption had.
    """
    for name in classes:
        if unknown := vocabulary.unknown([name]):
            raise InputError(
                f"class {name!r}: no caption that the encoder was trained on has the word "
                f"{', '.join(map(repr, unknown))}; caption such images or rename the class"
            )


def unit_rows(rows: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row feature"]:
    """Return rows of unit length, in double precision."""
    exact = rows.astype(np.float64)
    return exact / np.linalg.norm(exact, axis=1, keepdims=True)


def encode_texts(encoder: Encoder, texts: Sequence[str]) -> Float[np.ndarray, "text feature"]:
    """Return the text embeddings of a CLIP, before normalisation."""
    tokens = torch.from_numpy(encoder.tokenize(texts))
    module = encoder.module.eval()
    device = next(module.parameters()).device
    with torch.inference_mode():
        if not ignores_padding(encoder):
            return to_array(module.encode_text(tokens.to(device)))  # pyright: ignore
        # In a causal tower no token sees later tokens, so padding beyond the longest text can go.
        # A text ends at its highest token.
        length = int(tokens.argmax(dim=1).max()) + 1
        with shortened_context(module, length):
            return to_array(module.encode_text(tokens[:, :length].to(device)))  # pyright: ignore


def ignores_padding(encoder: Encoder) -> bool:
    """Return whether padding changes nothing: open_clip's causal `CLIP`, pooled at the end token.

    CLIPs that are trained here read a dozen tokens, so that shorter texts would gain nothing.
    """
    module = encoder.module
    return (
        isinstance(encoder.card.architecture, OpenClipConfig)
        and isinstance(module, import_open_clip().CLIP)
        and getattr(module, "attn_mask", None) is not None
        and module.text_pool_type == "argmax"
    )


@contextmanager
def shortened_context(module: nn.Module, length: int) -> Iterator[None]:
    """Let a text tower read `length` tokens inside a `with` block."""
    positions, mask = module.positional_embedding, module.attn_mask
    # open_clip adds all positions to the tokens, so their numbers must be equal.
    module.positional_embedding = nn.Parameter(positions[:length], requires_grad=False)  # pyright: ignore
    module.attn_mask = mask[:length, :length]  # pyright: ignore
    try:
        yield
    finally:
        module.positional_embedding, module.attn_mask = positions, mask


def classifier_from_clip(
    start: Encoder, head: Float[np.ndarray, "class_ feature"], classes: list[str]
) -> Encoder:
    """Return a classifier with a copy of a CLIP's image tower and its scaled zero-shot head.

    Finetuning starts from it (Wortsman et al. 2022, section 3): features of unit length, no bias,
    and as weight the zero-shot `head` (see `zero_shot_head`) times the CLIP's logit scale.
    It sees images as the CLIP does.

    Raises
    ------
    InputError
        `start` is not a CLIP.
    """
    if start.card.kind != "clip":
        raise InputError(f"expected a CLIP to make a classifier of, got a {start.card.kind}")
    # Without the CLIP's origin: these are no longer the weights that were published.
    card = replace(
        start.card,
        kind="classifier",
        vocabulary=None,
        classes=classes,
        origin=None,
        tokenizer=None,
    )
    module = Classifier(deepcopy(start.visual), start.card.feature_width, len(classes), True)
    # Without the logit scale, logits would be cosines and all classes nearly equally likely.
    scale = start.module.get_parameter("logit_scale").detach().exp().cpu()
    with torch.no_grad():
        module.get_parameter("head.weight").copy_(scale * torch.from_numpy(head))
    return Encoder(card, module)


def interpolate(first: Encoder, second: Encoder, alpha: float) -> Encoder:
    """Return the classifier with the weights (1 − alpha) · first + alpha · second.

    This applies to the image tower and the head (Wortsman et al. 2022, section 3), in double
    precision. `first` is the zero-shot classifier (see `classifier_from_clip`), `second` its
    finetuned version, as the check of a study makes sure: if alpha is 0 or 1, the result has
    exactly the weights of one of them.
    """
    weights = second.module.state_dict()
    for name, start in first.module.state_dict().items():
        end = weights[name]
        # The counters of batch norms are integers; the second's stay.
        if end.is_floating_point():
            # The CLIP is on the device whose text tower made its head, `second` need not be.
            ends = start.to(end.device).double(), end.double()
            # Not `start + alpha * (end - start)`, which at 1 need not be exactly `end`.
            exact = (1 - alpha) * ends[0] + alpha * ends[1]
            weights[name] = exact.to(end.dtype)
    with torch.no_grad():
        second.module.load_state_dict(weights)
    return second
