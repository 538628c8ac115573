"""The `robustness:` section: the interval of the effective robustness."""

import msgspec

from stages.storage.quantities import Confidence, Seed


class RobustnessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The confidence of the interval and the seed of its draws, one per line of the baseline."""

    seed: Seed
    confidence: Confidence
