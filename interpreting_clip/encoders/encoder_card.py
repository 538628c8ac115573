"""An encoder without its weights: its architecture, and its card `encoder.json`.

Also the card of an encoder given only by activations that were computed elsewhere.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
from torch import nn

from interpreting_clip.encoders.encoder_entries import Backbone, TimmModel, TorchvisionModel
from interpreting_clip.formats.json import read_struct
from interpreting_clip.loading.preprocess import Preprocess
from interpreting_clip.quantities import Count


class OpenClipConfig(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="open_clip_config",
):
    """A model of open_clip by its configuration, in open_clip's own keys.

    A later open_clip may change what a name of its zoo stands for; the configuration stored with
    the weights does not change. `model` is its name in the zoo.
    """

    model: str
    config: dict[str, Any]


Architecture = Backbone | OpenClipConfig | TorchvisionModel | TimmModel
"""The architecture of an encoder, told apart by `kind`."""


@dataclass(frozen=True)
class Model:
    """A module with fresh weights, and the properties of its architecture.

    `module` is a CLIP with both towers, or only an image tower: images in, `width` features out.
    `head` is the linear layer, called `head_name`, that was taken off a classifier.
    """

    module: nn.Module
    architecture: Architecture
    width: int
    preprocess: Preprocess
    head: nn.Linear | None = None
    head_name: str = ""


Representation = Literal["linear", "rectified"]
"""Whether features end in a linear layer or in an activation.

The kurtoses of the two kinds are never ranked in one list.
"""


class Origin(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The origin of weights that were not made here, and the SHA-256 of their file.

    `source` is the source of the entry in `weights:`, `tag` its tag; `location` the URL, the path
    or the hub's repository and file; `revision` the commit of a repository. Of a checkpoint,
    `state` is the key of the state dict that was taken, `prefix` what stood before the names of its
    image tower, and `head_name` what its head was called; empty ones are left out.
    """

    source: str
    location: str
    sha256: str
    tag: str | None = None
    revision: str | None = None
    state: str | None = None
    prefix: str | None = None
    head_name: str | None = None


class TokenizerOrigin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tokenizer's repository on the hub, its commit, and the SHA-256 of its files."""

    repository: str
    revision: str
    files: dict[str, str]


class EncoderCard(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`encoder.json`: everything about an encoder except its weights.

    `representation` says whether the features end in a linear layer or in an activation function,
    which by itself gives a high kurtosis. Only a CLIP trained here has a `vocabulary`; open_clip's
    models have open_clip's tokenizer. `classes` are the classifier's, in the order of its head; an
    untrained encoder is a classifier without classes. `tokenizer` belongs to a CLIP whose text
    needs a tokenizer from the hub.
    """

    kind: Literal["clip", "classifier"]
    architecture: Architecture
    representation: Representation
    feature_width: Count
    preprocess: Preprocess
    normalize_features: bool
    vocabulary: list[str] | None
    classes: list[str] | None
    origin: Origin | None = None
    tokenizer: TokenizerOrigin | None = None


GIVEN_CARD, GIVEN_HEAD = "activations.json", "head.safetensors"


class GivenCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`activations.json`: everything about an encoder given by activations, except its arrays.

    `orders` has the digest of the order of images of every dataset with activations.
    `classes` are the head's, in the order of its rows, or None without a head.
    """

    representation: Representation
    normalize_features: bool
    feature_width: Count
    orders: dict[str, str]
    classes: list[str] | None
    origin: Origin


def are_given(weights: Path) -> bool:
    """Say whether there are activations in place of an encoder's weights."""
    return (weights / GIVEN_CARD).exists()


def read_given_card(weights: Path) -> GivenCard:
    """Read the card of an encoder given by its activations."""
    return read_struct(weights / GIVEN_CARD, GivenCard)
