"""The zero-shot head of a CLIP: prompts through its text tower."""

import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float
from msgspec.structs import replace

from stages.encoders.encoder import Classifier, Encoder
from stages.encoders.open_clip_models import import_open_clip
from stages.encoders.texts import encode_texts
from stages.encoders.vocabulary import Vocabulary
from stages.runtime.errors import InputError


def spelled_out(templates: Sequence[str] | str) -> list[str]:
    """Return templates with one `{}` each, those of a named set as open_clip has them.

    `openai_imagenet` are the 80 of CLIP's zero-shot accuracies on ImageNet (Radford et al. 2021,
    section 3.1.4), `simple_imagenet` the 7 of them that OpenAI's notebook found to be enough.
    """
    if not isinstance(templates, str):
        return list(templates)
    open_clip = import_open_clip()
    sets = {
        "openai_imagenet": open_clip.OPENAI_IMAGENET_TEMPLATES,
        "simple_imagenet": open_clip.SIMPLE_IMAGENET_TEMPLATES,
    }
    return [prompt("{}") for prompt in sets[templates]]


PROMPTS = 256
"""About how many prompts go through a text tower at once."""


def zero_shot_head(
    encoder: Encoder, classes: list[str], templates: Sequence[str] | str
) -> Float[np.ndarray, "class_ feature"]:
    """Return the zero-shot head of a CLIP.

    One row per class: the mean over the templates of the text embeddings of unit length, brought
    back to unit length (Radford et al. 2021, section 3.1.4). It applies to features of unit
    length; the logit scale is left out, for it changes no prediction. Which prompts go
    through the text tower at once does not depend on the machine. 80 templates and 1,000 classes
    are 80,000 texts, for a ViT-B/32 a minute on a GPU and a quarter of an hour on two cores.

    Raises
    ------
    InputError
        The encoder has no text tower, or its captions never had a word of a class's name.
    """
    if encoder.card.kind != "clip":
        raise InputError(
            "a zero-shot head needs a text tower, and this encoder is no CLIP: name a CLIP, or "
            "give the encoder its own `head` (trained or random)"
        )
    if encoder.vocabulary is not None:
        require_known(encoder.vocabulary, classes)
    prompts = spelled_out(templates)
    rows = []
    for names in shown(classes, max(1, PROMPTS // len(prompts))):
        texts = [prompt.replace("{}", name) for name in names for prompt in prompts]
        embeddings = unit(encode_texts(encoder, texts)).reshape(len(names), len(prompts), -1)
        rows.append(embeddings.mean(axis=1))
    return unit(np.concatenate(rows)).astype(np.float32)


def shown(classes: list[str], at_once: int) -> Iterator[list[str]]:
    """Yield some classes at a time, and show how far a head of many classes is."""
    from tqdm import tqdm

    pause = 0.5 if sys.stderr.isatty() else 60.0
    with tqdm(
        total=len(classes), desc="zero-shot head", unit="class", mininterval=pause, delay=pause
    ) as bar:
        for start in range(0, len(classes), at_once):
            yield (names := classes[start : start + at_once])
            bar.update(len(names))


def require_known(vocabulary: Vocabulary, classes: list[str]) -> None:
    """Refuse classes whose names the text tower cannot tell apart from any unknown word.

    A template may hold unknown words: they are alike in the prompts of all classes.

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


def unit(rows: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row feature"]:
    """Return rows of unit length, in double precision."""
    exact = rows.astype(np.float64)
    return exact / np.linalg.norm(exact, axis=1, keepdims=True)


def classifier_from_clip(
    start: Encoder, head: Float[np.ndarray, "class_ feature"], classes: list[str]
) -> Encoder:
    """Return a classifier with a copy of a CLIP's image tower and its scaled zero-shot head.

    Finetuning starts from it (Wortsman et al. 2022, section 3): features of unit length, no bias,
    and as weight the zero-shot `head` (see `heads.zero_shot_head`) times the CLIP's logit scale.
    It sees images as the CLIP does.

    Raises
    ------
    InputError
        `start` is no CLIP, or the head's sizes do not fit.
    """
    if start.card.kind != "clip":
        raise InputError(f"expected a CLIP to make a classifier of, got a {start.card.kind}")
    expected = (len(classes), start.card.feature_width)
    if head.shape != expected:
        raise InputError(f"expected a head of shape {expected}, got {head.shape}")
    card = replace(start.card, kind="classifier", vocabulary=None, classes=classes, origin=None)
    module = Classifier(deepcopy(start.visual), start.card.feature_width, len(classes), True)
    scale = start.module.get_parameter("logit_scale").detach().exp().cpu()
    with torch.no_grad():
        module.get_parameter("head.weight").copy_(scale * torch.from_numpy(head))
    return Encoder(card, module)
