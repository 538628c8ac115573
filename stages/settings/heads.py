"""The `heads:` section: how each kind of head is made."""

from typing import Annotated, Literal

import msgspec

from stages.storage.quantities import Seed

Template = Annotated[str, msgspec.Meta(pattern=r"^[^{}]*\{\}[^{}]*\Z", max_length=1000)]
"""A prompt with one `{}` for the name of the class."""


Templates = (
    Annotated[list[Template], msgspec.Meta(min_length=1, max_length=1000)]
    | Literal["openai_imagenet", "simple_imagenet"]
)
"""Prompts, or the name of a set of them: CLIP's 80 for ImageNet, or the 7 best of these."""


class ZeroShotHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One prompt per template and class (Radford et al. 2021, section 3.1.4)."""

    templates: Templates


class TrainedHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The encoder's own linear layer: nothing to set."""


class RandomHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows of unit length in random directions, for encoders without a head."""

    seed: Seed


class Heads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The kinds of head that an entry of `encoders:` can ask for."""

    zero_shot: ZeroShotHead
    trained: TrainedHead
    random: RandomHead
