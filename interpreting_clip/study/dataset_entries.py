"""The sections `datasets`, `shifts`, `shift_encoders` and `sources`: drawn and real datasets."""

from typing import Literal

from interpreting_clip.datasets.entries import Absent, Nothing, RealEntry, RealShift, Shards
from interpreting_clip.quantities import Key, Name, StrictStruct
from interpreting_clip.synthetic.world import Labelled, Recipe, World


class DrawnShift(Labelled, frozen=True, kw_only=True, tag_field="kind", tag="labelled"):
    """A shift that is drawn from the world, like the labelled sets of `datasets:`.

    `baseline` names the standard models it is read against. `none`: only accuracy. `trained`: the
    models that the study trains (`baseline.source: trained`). `published`: the models of the table
    `data/baselines/<shift>.csv`.
    """

    label: Name
    baseline: Literal["none", "trained", "published"]


ShiftEntry = DrawnShift | RealShift
"""An entry of `shifts:`, told apart by `kind`."""

Shifts = dict[Key, ShiftEntry]
"""The section `shifts:`, by the shifts' names in results."""


class ShiftEncoder(StrictStruct, frozen=True, kw_only=True):
    """An entry of `shift_encoders:`: one of `shifts:`, and an encoder that is measured on it."""

    shift: Key
    encoder: Key


DatasetEntry = Recipe | RealEntry | Absent
"""An entry of `datasets:`, told apart by `kind`."""


class Sources(StrictStruct, frozen=True, kw_only=True):
    """Settings that the datasets of one source share, for each source that a dataset names."""

    world: World | None = None
    hub: Shards | None = None
    archive: Shards | None = None
    folder: Shards | None = None
    none: Nothing | None = None
