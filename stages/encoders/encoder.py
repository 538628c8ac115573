"""An encoder in memory and on disk: an image tower with its head or its text tower."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from torch import nn

from stages.encoders.architecture import OpenClipConfig
from stages.encoders.backbone import AnyBackbone, Backbone
from stages.encoders.card import EncoderCard
from stages.encoders.classifier import Classifier
from stages.encoders.state import copy_state, to_array
from stages.encoders.tower import Facts, build_tower, build_towers
from stages.encoders.vocabulary import Vocabulary
from stages.storage.complete import complete_directory
from stages.storage.errors import InputError
from stages.storage.params import convert
from stages.storage.results import read_json, write_json
from stages.storage.tensors import read_tensors, write_tensors

WEIGHTS, CARD = "weights.safetensors", "encoder.json"


@dataclass(frozen=True)
class Encoder:
    """An encoder in memory: its card and its module, a `CLIP` of open_clip or a `Classifier`."""

    card: EncoderCard
    module: nn.Module

    @property
    def visual(self) -> nn.Module:
        """The image tower: images as `preprocess.to_tower` returns them, to activations."""
        return self.module.get_submodule("visual")

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The words of the text tower, where there is one."""
        return None if self.card.vocabulary is None else Vocabulary(self.card.vocabulary)

    @property
    def head(self) -> nn.Linear | None:
        """The trained linear head, where there is one."""
        return getattr(self.module, "head", None)


def clip_encoder(
    backbone: AnyBackbone | OpenClipConfig, vocabulary: Vocabulary | None, seed: int
) -> Encoder:
    """Return a CLIP with fresh weights.

    One by its sizes needs the vocabulary of its captions; a model of open_clip has open_clip's
    tokenizer, and a vocabulary is ignored.

    Raises
    ------
    InputError
        The backbone is no CLIP, or it lacks its vocabulary.
    """
    module, facts = build_towers(backbone, vocabulary, seed)
    own = vocabulary if isinstance(facts.architecture, Backbone) else None
    words = own.words if own else None
    return Encoder(new_card(facts, kind="clip", normalize_features=True, vocabulary=words), module)


def classifier_encoder(
    backbone: AnyBackbone | OpenClipConfig,
    classes: list[str],
    seed: int,
    *,
    normalize_features: bool,
) -> Encoder:
    """Return a classifier with a fresh image tower and a head of zeros.

    A head of zeros starts with equal odds for every class, and needs no further random numbers.

    Raises
    ------
    InputError
        The library has no such model, it is not supported, or its sizes do not fit.
    """
    visual, facts = build_tower(backbone, seed)
    card = new_card(
        facts, kind="classifier", normalize_features=normalize_features, classes=classes
    )
    module = Classifier(visual, facts.width, len(classes), normalize_features)
    if module.head is not None:
        for parameter in module.head.parameters():
            nn.init.zeros_(parameter)
    return Encoder(card, module)


def initialise(backbone: AnyBackbone | OpenClipConfig, seed: int) -> Encoder:
    """Return an untrained encoder, the null of the kurtosis and of the concepts: it has no head."""
    return classifier_encoder(backbone, [], seed, normalize_features=False)


def new_card(
    facts: Facts,
    *,
    kind: Literal["clip", "classifier"],
    normalize_features: bool,
    vocabulary: list[str] | None = None,
    classes: list[str] | None = None,
) -> EncoderCard:
    """Return the card of an encoder whose image tower is known."""
    return EncoderCard(
        kind=kind,
        architecture=facts.architecture,
        representation=facts.representation,
        feature_width=facts.width,
        preprocess=facts.preprocess,
        normalize_features=normalize_features,
        vocabulary=vocabulary,
        classes=classes,
    )


def save_encoder(directory: Path, encoder: Encoder) -> None:
    """Write `weights.safetensors` and `encoder.json`: equal encoders give equal bytes.

    Raises
    ------
    InputError
        A weight is NaN or infinite.
    """
    state = encoder.module.state_dict()
    with complete_directory(directory) as out:
        write_tensors(out / WEIGHTS, {key: to_array(value) for key, value in state.items()})
        write_json(out / CARD, msgspec.to_builtins(encoder.card), digits=12)


def load_encoder(directory: Path) -> Encoder:
    """Read an encoder, ready to be evaluated.

    Raises
    ------
    InputError
        A file is missing or damaged, or the weights are not those of the card's architecture:
        names the first array whose name or shape differs, or the widths that do.
    """
    file = directory / CARD
    card = convert(read_json(file), EncoderCard, "encoder", file)
    encoder = build_from_card(card, file)
    arrays = read_tensors(directory / WEIGHTS)
    weights = {key: torch.from_numpy(np.array(array)) for key, array in arrays.items()}
    why = "the weights and encoder.json are not of one encoder"
    copy_state(encoder.module, weights, str(directory / WEIGHTS), why)
    encoder.module.eval()
    return encoder


def build_from_card(card: EncoderCard, file: Path) -> Encoder:
    """Return a card's encoder with weights that are still to be read.

    Raises
    ------
    InputError
        The card contradicts its architecture: its width differs, or a vocabulary is missing.
    """
    if card.kind == "classifier":
        visual, facts = build_tower(card.architecture, 0)
        require_width(card, facts, file)
        classes = len(card.classes or [])
        return Encoder(card, Classifier(visual, facts.width, classes, card.normalize_features))
    if card.vocabulary is None and isinstance(card.architecture, Backbone):
        raise InputError(f"{file}: a CLIP needs its vocabulary, got none; make the encoder again")
    vocabulary = None if card.vocabulary is None else Vocabulary(card.vocabulary)
    module, facts = build_towers(card.architecture, vocabulary, 0)
    require_width(card, facts, file)
    return Encoder(card, module)


def require_width(card: EncoderCard, facts: Facts, file: Path) -> None:
    """Refuse a card whose width is not that of its architecture."""
    if card.feature_width != facts.width:
        raise InputError(
            f"{file}: feature_width is {card.feature_width}, but the tower's "
            f"embedding has {facts.width} features; make the encoder again"
        )
