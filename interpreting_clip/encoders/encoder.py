"""An encoder in memory and on disk: an image tower with its head or its text tower."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Literal

import msgspec
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from interpreting_clip.arrays.head import Head
from interpreting_clip.encoders.encoder_card import (
    GIVEN_HEAD,
    EncoderCard,
    Model,
    OpenClipConfig,
    Representation,
    read_given_card,
)
from interpreting_clip.encoders.encoder_entries import (
    AnyBackbone,
    Backbone,
    ComputeType,
    TimmModel,
    TorchvisionModel,
)
from interpreting_clip.encoders.hub_tokenizer import OPTIONAL, REQUIRED, HubTokenizer
from interpreting_clip.encoders.library_models import build_library_model, measured_representation
from interpreting_clip.encoders.open_clip_models import architecture_of, build_clip
from interpreting_clip.encoders.portable import use_portable_operations
from interpreting_clip.encoders.tokenizer import Vocabulary, open_clip_tokens
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.json import read_struct, write_json
from interpreting_clip.formats.tensors import read_tensors, write_tensors


class Classifier(nn.Module):
    """An image tower and a linear head, on features of unit length or on the features as they are.

    A head on unit features has no bias unless `bias` says so, since a zero-shot head has none.
    """

    def __init__(
        self,
        visual: nn.Module,
        width: int,
        classes: int,
        normalize: bool,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        self.visual, self.normalize = visual, normalize
        bias = not normalize if bias is None else bias
        self.head = nn.Linear(width, classes, bias=bias) if classes else None

    def forward(
        self, images: Float[torch.Tensor, "image 3 size size"]
    ) -> Float[torch.Tensor, "image class_"]:
        """Return the logits of images."""
        features = self.visual(images)
        unit = nn.functional.normalize(features, dim=-1) if self.normalize else features
        return self.head(unit)  # pyright: ignore - nobody asks an encoder without a head


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array in the CPU's memory."""
    return tensor.detach().cpu().contiguous().numpy()


def copy_state(
    module: nn.Module, weights: Mapping[str, torch.Tensor], source: str, advice: str
) -> None:
    """Copy weights into a module with exactly these arrays, converted to its precision.

    A scalar may be stored as an array of one element.

    Raises
    ------
    InputError
        A name or a shape differs: names the source and what differs, and gives the advice.
    """
    state = module.state_dict()
    state.clear()  # keeps the modules' versions, without which some refuse weights
    state.update(weights)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        # torch's message lists every array that differs, which can be hundreds of lines.
        raise InputError(f"{source}: {shorten(str(error), 400)}; {advice}") from None


@dataclass(frozen=True)
class Encoder:
    """An encoder in memory: its card and its module, a `CLIP` of open_clip or a `Classifier`.

    `tokenizer` is set if the CLIP's text needs a tokenizer from the hub.
    """

    card: EncoderCard
    module: nn.Module
    tokenizer: HubTokenizer | None = None

    @property
    def visual(self) -> nn.Module:
        """The image tower: images as `preprocess.to_tower` returns them, to activations."""
        return self.module.get_submodule("visual")

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary of the text tower, if there is one."""
        return None if self.card.vocabulary is None else Vocabulary(self.card.vocabulary)

    @property
    def head(self) -> nn.Linear | None:
        """The trained linear head, if there is one."""
        return getattr(self.module, "head", None)

    def tokenize(self, texts: Sequence[str]) -> Int[np.ndarray, "text token"]:
        """Return the tokens of texts, padded to the length that the text tower reads.

        A CLIP given by its sizes has a token per word of its vocabulary and refuses a text that is
        too long; a model of open_clip has byte pairs and cuts such a text, as its training did.
        """
        architecture = self.card.architecture
        if isinstance(architecture, Backbone) and self.vocabulary is not None:
            return self.vocabulary.encode(texts, architecture.text.context)
        if self.tokenizer is not None:
            return self.tokenizer.encode(texts)
        return open_clip_tokens(architecture.config["text_cfg"], texts)  # pyright: ignore

    def trained_head(
        self, classes: list[str]
    ) -> tuple[Float[np.ndarray, "class_ feature"], Float[np.ndarray, " class_"] | None]:
        """Return the weight of a head that was trained for these classes, and its bias or None.

        Raises
        ------
        InputError
            The encoder has no head, or its head has other classes or another order of them: names
            both numbers of classes, or the first class that differs.
        """
        if self.head is None:
            raise InputError(
                "the encoder has no trained head for ImageNet's 1,000 classes; `make check-encoder "
                "ENCODER=key` tells whether its file has one for others. Give it the `head` "
                "zero_shot if it is a CLIP, or random; or make a linear probe of it in the section "
                "`probe`; or list ImageNet's classes in the checkpoint's `classes`, if the file's "
                "head has them among others"
            )
        require_same_classes(self.card.classes or [], classes)
        bias = self.head.bias
        return to_array(self.head.weight), None if bias is None else to_array(bias)


def require_same_classes(head_classes: list[str], classes: list[str]) -> None:
    """Refuse a head whose classes are not the dataset's, in the same order."""
    if len(head_classes) != len(classes):
        raise InputError(
            f"the head is for {len(head_classes):,} classes, imagenet_val has {len(classes):,}; "
            "measure it on the dataset that it was trained for, or give the encoder another head"
        )
    for index, (ours, theirs) in enumerate(zip(head_classes, classes, strict=True)):
        if ours != theirs:
            raise InputError(
                f"class {index} of the head is {ours!r}, that of imagenet_val {theirs!r}; order "
                "its rows as in `classes.txt` of `python -m tools image-list`"
            )


def given_head(weights: Path, classes: list[str]) -> Head:
    """Return the head that came with given activations, for these classes."""
    card = read_given_card(weights)
    with error_context(card.origin.location):
        if card.classes is None:
            raise InputError("there is no head; write one into the folder, or use `random`")
        require_same_classes(card.classes, classes)
    arrays = read_tensors(weights / GIVEN_HEAD, "weight")
    return Head(arrays["weight"], arrays.get("bias"), card.normalize_features)


def clip_encoder(
    backbone: AnyBackbone | OpenClipConfig, vocabulary: Vocabulary | None, seed: int
) -> Encoder:
    """Return a CLIP with fresh weights.

    A CLIP given by its sizes needs the vocabulary of its captions. A model of open_clip has its
    own tokenizer, and the vocabulary is ignored.

    Raises
    ------
    InputError
        The backbone is not a CLIP, or its vocabulary is missing.
    """
    architecture = architecture_of(backbone)
    if isinstance(architecture, TorchvisionModel | TimmModel):
        raise InputError(
            f"backbones: '{architecture.model}' has no text tower, expected a CLIP: a backbone of "
            "the kind clip or open_clip"
        )
    model = build_clip(architecture, vocabulary, seed)
    words = vocabulary.words if vocabulary and isinstance(architecture, Backbone) else None
    card = new_card(model, kind="clip", normalize_features=True, vocabulary=words)
    return Encoder(card, model.module)


def classifier_encoder(
    backbone: AnyBackbone | OpenClipConfig,
    classes: list[str],
    seed: int,
    *,
    normalize_features: bool,
) -> Encoder:
    """Return a classifier with a fresh image tower and a head of zeros."""
    model = build_tower(backbone, seed)
    card = new_card(
        model, kind="classifier", normalize_features=normalize_features, classes=classes
    )
    module = Classifier(model.module, model.width, len(classes), normalize_features)
    if module.head is not None:
        # Zeros give every class equal odds at the start, and need no further random numbers.
        for parameter in module.head.parameters():
            nn.init.zeros_(parameter)
    return Encoder(card, module)


def initialise(backbone: AnyBackbone | OpenClipConfig, seed: int) -> Encoder:
    """Return an untrained encoder without a head: the control for kurtosis and concepts."""
    return classifier_encoder(backbone, [], seed, normalize_features=False)


def build_tower(backbone: AnyBackbone | OpenClipConfig, seed: int) -> Model:
    """Return an image tower with fresh weights."""
    architecture = architecture_of(backbone)
    if isinstance(architecture, TorchvisionModel | TimmModel):
        return build_library_model(architecture, seed)
    return build_clip(architecture, None, seed, text=False)


def new_card(
    model: Model,
    *,
    kind: Literal["clip", "classifier"],
    normalize_features: bool,
    vocabulary: list[str] | None = None,
    classes: list[str] | None = None,
) -> EncoderCard:
    """Return the card of an encoder with a model's image tower.

    A CLIP's tower ends in a linear layer; for a classifier's features this is measured.
    """
    representation: Representation = "linear"
    if model.head is not None:
        representation = measured_representation(model.module, model.preprocess.size)
    return EncoderCard(
        kind=kind,
        architecture=model.architecture,
        representation=representation,
        feature_width=model.width,
        preprocess=model.preprocess,
        normalize_features=normalize_features,
        vocabulary=vocabulary,
        classes=classes,
    )


WEIGHTS, CARD, TOKENIZER = "weights.safetensors", "encoder.json", "tokenizer"


def save_encoder(directory: Path, encoder: Encoder) -> None:
    """Write `weights.safetensors`, `encoder.json` and, if there is one, the folder `tokenizer`.

    Equal encoders give equal bytes.
    """
    state = encoder.module.state_dict()
    write_tensors(directory / WEIGHTS, {key: to_array(value) for key, value in state.items()})
    write_json(directory / CARD, msgspec.to_builtins(encoder.card), digits=12)
    if encoder.tokenizer is not None:
        (directory / TOKENIZER).mkdir(exist_ok=True)
        for name, content in encoder.tokenizer.files.items():
            (directory / TOKENIZER / name).write_bytes(content)


def load_encoder(directory: Path) -> Encoder:
    """Read an encoder, in evaluation mode.

    Raises
    ------
    InputError
        A file is missing or damaged, or the weights do not fit the card's architecture:
        names the first array whose name or shape differs.
    """
    file = directory / CARD
    card = read_struct(file, EncoderCard)
    arrays = read_tensors(directory / WEIGHTS)
    with error_context(file):
        if card.kind == "clip":
            vocabulary = None if card.vocabulary is None else Vocabulary(card.vocabulary)
            # Any seed will do, here and below: all weights are replaced.
            model = build_clip(card.architecture, vocabulary, 0)  # pyright: ignore
            module = model.module
        else:
            model, classes = build_tower(card.architecture, 0), len(card.classes or [])
            bias = "head.bias" in arrays
            module = Classifier(model.module, model.width, classes, card.normalize_features, bias)
    # Copies, since the file is mapped read-only and torch writes into its tensors.
    weights = {key: torch.from_numpy(np.array(array)) for key, array in arrays.items()}
    advice = "the weights and encoder.json are not of one encoder"
    copy_state(module, weights, str(directory / WEIGHTS), advice)
    return Encoder(card, module.eval(), load_tokenizer(directory, card))


def load_tokenizer(directory: Path, card: EncoderCard) -> HubTokenizer | None:
    """Read the tokenizer that an encoder's card lists, if it lists one."""
    if card.tokenizer is None:
        return None
    names = card.tokenizer.files.keys() & {*REQUIRED, *OPTIONAL}
    files = {name: (directory / TOKENIZER / name).read_bytes() for name in names}
    return HubTokenizer(card.architecture.config["text_cfg"], files)  # pyright: ignore


def autocast(device: torch.device | str, precision: ComputeType) -> torch.autocast:
    """Return the context in which towers compute in a precision.

    Below float32, torch's autocast computes matrix products and convolutions in that type, but
    nothing that would lose too much accuracy, such as norms. Float32 means full float32, here and
    afterwards.
    """
    torch.backends.cudnn.allow_tf32 = False  # by default cuDNN rounds float32 to TF32's 10 bits
    kind, dtype = torch.device(device).type, getattr(torch, precision)
    return torch.autocast(kind, dtype, enabled=precision != "float32")


@contextmanager
def forward_passes(device: torch.device | str, precision: ComputeType) -> Iterator[None]:
    """Run the forward passes inside a `with` block in a precision, without gradients."""
    use_portable_operations()
    with torch.inference_mode(), autocast(device, precision):
        yield
