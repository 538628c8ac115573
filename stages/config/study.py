"""The `study:` section: what the report calls this study."""

from typing import Annotated, Literal

from msgspec import Meta

from stages.config.quantities import LINES, Key, Name, StrictStruct


class Study(StrictStruct, frozen=True, kw_only=True):
    """The report's title and the paragraph under it."""

    title: Name
    description: Annotated[str, Meta(max_length=5000), LINES]


HeadKind = Literal["zero_shot", "trained", "random"]
"""The kinds of head, each a section of `heads:`."""


class EncoderEntry(StrictStruct, frozen=True, kw_only=True):
    """One encoder: its name in the report, how it was trained, and on what.

    `head` is a section of `heads:`. `training`, `backbone` and `data` group the report; `training`
    follows the paper's groups (Crabbé et al. 2024, section 3).
    """

    label: Name
    training: Literal["zero_shot", "finetuned", "supervised", "untrained"]
    backbone: Key
    data: Name
    head: HeadKind


class Comparison(StrictStruct, frozen=True, kw_only=True):
    """Two encoders; CKA has a row per layer of the first and a column per layer of the second."""

    first: Key
    second: Key
