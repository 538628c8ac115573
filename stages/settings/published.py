"""The `published:` section: the bootstrap over the testbed's standard models."""

import msgspec

from stages.storage.quantities import Confidence, Resamples, Seed


class PublishedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number of resamples, their seed and the interval's confidence."""

    resamples: Resamples
    seed: Seed
    confidence: Confidence
