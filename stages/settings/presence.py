"""The `presence:` section: when an image holds a Broden concept."""

import msgspec

from stages.storage.quantities import Fraction


class PresenceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A segmented concept is present in an image where it covers at least `pixels` of it."""

    pixels: Fraction
