"""The `layers:` section: what the layer-wise features are taken from."""

from typing import Annotated, Literal

import msgspec

from stages.config.quantities import ThreadCount


class Layers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`images` of ImageNet's test set, evenly spaced, dealt out to minibatches in turn.

    The unbiased HSIC needs four images in a minibatch at least (Nguyen et al. 2021).
    """

    images: Annotated[int, msgspec.Meta(ge=4, le=100_000)]
    minibatch: Annotated[int, msgspec.Meta(ge=4, le=4096)]

    def __post_init__(self) -> None:
        """Refuse a minibatch that does not divide the images."""
        if self.images % self.minibatch:
            raise ValueError(
                f"`images` must be a multiple of `minibatch`, got {self.images} and "
                f"{self.minibatch}"
            )


ComputeType = Literal["float32", "bfloat16", "float16"]
"""What products of matrices and convolutions are computed in."""


class Precision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The precision of the forward passes of images; what they return is stored as float32."""

    inference: ComputeType


class Threads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """CPU threads of forward passes; they change the last bits of a result."""

    inference: ThreadCount
