"""The sections `sources:` and `datasets:`: all kinds of dataset, drawn or real."""

import msgspec

from stages.datasets.entries import Absent, Nothing, RealEntry, Shards
from stages.world.recipe import Recipe, World

DatasetEntry = Recipe | RealEntry | Absent
"""An entry of `datasets:`; its `kind` says which."""


class Sources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the datasets of one source share; a study has those that its datasets name."""

    world: World | None = None
    hub: Shards | None = None
    archive: Shards | None = None
    folder: Shards | None = None
    none: Nothing | None = None
