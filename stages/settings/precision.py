"""The `precision:` section: fewer digits are faster on a GPU, and change results."""

from typing import Literal

import msgspec

ComputeType = Literal["float32", "bfloat16", "float16"]
"""What products of matrices and convolutions are computed in."""


class Precision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The precision of the forward passes of images; what they return is stored as float32."""

    inference: ComputeType
