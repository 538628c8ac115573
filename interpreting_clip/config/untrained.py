"""The section `untrained`: how many encoders of a backbone are drawn without being trained.

Separate from the architectures, so that it does not re-run trainings or extractions.
"""

from typing import Annotated

from msgspec import Meta

from interpreting_clip.quantities import Seed, StrictStruct


class UntrainedEntry(StrictStruct, frozen=True, kw_only=True):
    """Encoders with fresh weights, of the seeds `seed`, `seed` + 1, and so on.

    `images` of ImageNet's test set, evenly spaced, pass through each of them.
    """

    encoders: Annotated[int, Meta(ge=1, le=1000)]
    images: Annotated[int, Meta(ge=2, le=10_000)]
    seed: Seed
