"""The `study:` section: what the report calls this study."""

from typing import Annotated

import msgspec

from stages.storage.quantities import Name


class Study(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The report's title and the paragraph under it."""

    title: Name
    description: Annotated[str, msgspec.Meta(max_length=5000)]
