"""The `baseline:` section: the standard models of effective robustness."""

from typing import Literal

import msgspec

from stages.storage.quantities import Count, Resamples, Seed, ThreadCount


class BaselineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the standard models come from, and the bootstrap of the lines through them.

    `trained`: classifiers on `components` principal components of pixels, trained here;
    `published`: the testbed's standard models in `data/reference/`.
    """

    source: Literal["trained", "published"]
    components: Count
    seed: Seed
    threads: ThreadCount
    resamples: Resamples
