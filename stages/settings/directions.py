"""The `directions:` section: pruning, and the null of a random head."""

from typing import Annotated

import msgspec

from stages.storage.params import short
from stages.storage.quantities import Fraction, Percents, Seed


class DirectionsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pruned shares of the directions, and the random head that is the null.

    A share counts as prunable while it costs less than `harmless` points of ImageNet accuracy.
    """

    fractions: Annotated[list[Fraction], msgspec.Meta(min_length=1, max_length=1000)]
    harmless: Percents
    random_head_seed: Seed

    def __post_init__(self) -> None:
        """Refuse shares without the unpruned head, out of order, or that leave nothing."""
        rising = sorted(set(self.fractions)) == self.fractions
        if not rising or self.fractions[0] != 0 or self.fractions[-1] >= 1:
            got = short(self.fractions)
            raise ValueError(f"`fractions` must rise from 0 to below 1, got {got}")
