"""What an encoder is: an image tower, what it expects of pixels, and its head or text tower."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from stages.encoders.backbone import Backbone
from stages.encoders.preprocess import Preprocess
from stages.encoders.towers import build_clip, build_visual
from stages.encoders.vocabulary import Vocabulary
from stages.storage.complete import complete_directory
from stages.storage.errors import InputError
from stages.storage.params import convert
from stages.storage.quantities import Count
from stages.storage.results import read_json, write_json
from stages.storage.tensors import read_tensors, write_tensors

WEIGHTS, CARD = "weights.safetensors", "encoder.json"


class EncoderCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`encoder.json`: all of an encoder that is not a weight.

    `representation` says whether the features end in a linear layer or in a ReLU, whose kurtosis
    is high of itself. `vocabulary` is the CLIP's, `classes` the classifier's; an untrained
    encoder is a classifier without classes.
    """

    kind: Literal["clip", "classifier"]
    architecture: Backbone
    representation: Literal["linear", "rectified"]
    feature_width: Count
    preprocess: Preprocess
    normalize_features: bool
    vocabulary: list[str] | None
    classes: list[str] | None


class Classifier(nn.Module):
    """An image tower and a linear head, on features of unit length or on the features as they are.

    A head on unit features has no bias, since a zero-shot head has none.
    """

    def __init__(self, visual: nn.Module, width: int, classes: int, normalize: bool) -> None:
        super().__init__()
        self.visual, self.normalize = visual, normalize
        self.head = nn.Linear(width, classes, bias=not normalize) if classes else None

    def forward(
        self, images: Float[torch.Tensor, "image 3 size size"]
    ) -> Float[torch.Tensor, "image class_"]:
        """Return the logits of images."""
        if self.head is None:
            raise InputError("an encoder without a head has no logits; train it first")
        features = self.visual(images)
        return self.head(nn.functional.normalize(features, dim=-1) if self.normalize else features)


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


def clip_encoder(backbone: Backbone, vocabulary: Vocabulary, seed: int) -> Encoder:
    """Return a CLIP with fresh weights."""
    card = new_card(backbone, kind="clip", normalize_features=True, vocabulary=vocabulary.words)
    return Encoder(card, build_clip(backbone, vocabulary.size, seed))


def classifier_encoder(
    backbone: Backbone, classes: list[str], seed: int, *, normalize_features: bool
) -> Encoder:
    """Return a classifier with a fresh image tower and a head of zeros.

    A head of zeros starts with equal odds for every class, and needs no further random numbers.
    """
    card = new_card(
        backbone, kind="classifier", normalize_features=normalize_features, classes=classes
    )
    module = Classifier(
        build_visual(backbone, seed), backbone.embedding, len(classes), normalize_features
    )
    if module.head is not None:
        for parameter in module.head.parameters():
            nn.init.zeros_(parameter)
    return Encoder(card, module)


def initialise(backbone: Backbone, seed: int) -> Encoder:
    """Return an untrained encoder, the null of the kurtosis and of the concepts: it has no head."""
    return classifier_encoder(backbone, [], seed, normalize_features=False)


def new_card(
    backbone: Backbone,
    *,
    kind: Literal["clip", "classifier"],
    normalize_features: bool,
    vocabulary: list[str] | None = None,
    classes: list[str] | None = None,
) -> EncoderCard:
    """Return the card of an encoder whose towers end in a linear layer, as those built here do."""
    return EncoderCard(
        kind=kind,
        architecture=backbone,
        representation="linear",
        feature_width=backbone.embedding,
        preprocess=Preprocess(size=backbone.image_size, mean=backbone.mean, std=backbone.std),
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
    card = convert(read_json(directory / CARD), EncoderCard, "encoder", directory / CARD)
    if card.feature_width != card.architecture.embedding:
        raise InputError(
            f"{directory / CARD}: feature_width is {card.feature_width}, but the tower's "
            f"embedding has {card.architecture.embedding} features; make the encoder again"
        )
    encoder = build_from_card(card, directory / CARD)
    load_state(encoder.module, directory / WEIGHTS)
    encoder.module.eval()
    return encoder


def build_from_card(card: EncoderCard, file: Path) -> Encoder:
    """Return a card's encoder with weights that are still to be read."""
    if card.kind == "classifier":
        classes, normalize = card.classes or [], card.normalize_features
        visual = build_visual(card.architecture, 0)
        return Encoder(card, Classifier(visual, card.feature_width, len(classes), normalize))
    if card.vocabulary is None:
        raise InputError(f"{file}: a CLIP needs its vocabulary, got none; make the encoder again")
    words = Vocabulary(card.vocabulary).size
    return Encoder(card, build_clip(card.architecture, words, 0))


def load_state(module: nn.Module, file: Path) -> None:
    """Copy the arrays of a file into a module that has exactly these.

    Raises
    ------
    InputError
        The file is missing or damaged, or a name or a shape differs.
    """
    arrays, state = read_tensors(file), module.state_dict()
    for key in sorted(arrays.keys() | state.keys()):
        expected = tuple(state[key].shape) or (1,) if key in state else None
        came = arrays[key].shape or (1,) if key in arrays else None
        if expected != came:
            raise InputError(
                f"{file}: '{key}' should be {expected or 'absent'} in this architecture, "
                f"got {came or 'nothing'}; the weights and encoder.json are not of one encoder"
            )
    tensors = {k: torch.from_numpy(np.array(a)).reshape(state[k].shape) for k, a in arrays.items()}
    module.load_state_dict(tensors)


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array in the CPU's memory."""
    return tensor.detach().cpu().contiguous().numpy()
