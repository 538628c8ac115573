"""The `kurtosis:` section: the interval, and what an outlier feature is."""

import msgspec

from stages.storage.quantities import Confidence, Positive, Resamples, Seed, Share


class KurtosisSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bootstrap over images, and the outlier features.

    A feature is an outlier feature when it lies beyond `outlier_sigma` standard deviations of its
    image's features in at least the share `outlier_share` of the images.
    """

    resamples: Resamples
    seed: Seed
    confidence: Confidence
    outlier_sigma: Positive
    outlier_share: Share
