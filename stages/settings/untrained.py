"""The entry of an untrained encoder, the null of the kurtosis and of the concepts."""

from typing import Literal

import msgspec

from stages.storage.quantities import Key, Seed


class Untrained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A backbone with fresh weights drawn from `seed`."""

    source: Literal["untrained"]
    backbone: Key
    seed: Seed
