"""The `directions:` section: pruning, and the null of a random head."""

from typing import Annotated

import msgspec

from stages.storage.quantities import Percents, Seed


class DirectionsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The steps in which directions are pruned, and the random head that is the null.

    A share counts as prunable while it costs less than `harmless` points of ImageNet accuracy.
    """

    pruning_steps: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    harmless: Percents
    random_head_seed: Seed

    @property
    def fractions(self) -> list[float]:
        """The pruned shares of the directions: 0, 1 / n, … up to (n - 1) / n for n steps."""
        return [step / self.pruning_steps for step in range(self.pruning_steps)]
