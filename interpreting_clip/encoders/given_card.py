"""The card of an encoder that is nothing but a folder of activations; it lies where weights would.

Apart from the activations and the head, so that what asks for the card alone depends on neither.
"""

from pathlib import Path

import msgspec

from interpreting_clip.encoders.encoder_card import Origin, Representation
from interpreting_clip.formats.json import read_struct
from interpreting_clip.quantities import Count

CARD, HEAD = "activations.json", "head.safetensors"


class GivenCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`activations.json`: everything about such an encoder but its arrays.

    `orders` has the digest of the order of images of every dataset that there are activations of.
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
    return (weights / CARD).exists()


def read_given_card(weights: Path) -> GivenCard:
    """Read the card of such an encoder."""
    return read_struct(weights / CARD, GivenCard)
