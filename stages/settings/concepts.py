"""The `concepts:` section: what it takes to encode a Broden concept."""

from typing import Annotated, Literal

import msgspec

from stages.storage.quantities import Seed, Share


class ConceptsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The negatives of a concept, and the threshold of the average precision, with a sweep of it.

    `balanced` draws as many negatives as there are positives; `all` takes every other image.
    """

    negatives: Literal["balanced", "all"]
    seed: Seed
    threshold: Share
    sweep: Annotated[list[Share], msgspec.Meta(min_length=1, max_length=1000)]
