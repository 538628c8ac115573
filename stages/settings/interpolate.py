"""The section `interpolate:`: encoders between a zero-shot CLIP and its finetuned version."""

import msgspec

from stages.storage.quantities import Fraction, Key


class Interpolation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A classifier with the weights (1 − `alpha`) · first + `alpha` · second (WiSE-FT).

    `first` is a CLIP, taken with its zero-shot head, `second` its finetuned version (Wortsman et
    al. 2022, section 3).
    """

    first: Key
    second: Key
    alpha: Fraction
