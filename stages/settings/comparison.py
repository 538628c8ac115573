"""The `comparisons:` section: which encoders' layers are compared."""

import msgspec

from stages.storage.quantities import Key


class Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two encoders; CKA has a row per layer of the first and a column per layer of the second."""

    first: Key
    second: Key
