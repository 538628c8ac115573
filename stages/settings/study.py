"""The `study:` section: what the report calls this study."""

import msgspec


class Study(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The report's title and the paragraph under it."""

    title: str
    description: str
