"""The `threads:` section: sums of floats depend on how many threads share them."""

import msgspec

from stages.storage.quantities import ThreadCount


class Threads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """CPU threads of forward passes; they change the last bits of a result."""

    inference: ThreadCount
