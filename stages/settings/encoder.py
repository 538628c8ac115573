"""The `encoders:` section: what is measured, and how the report calls it."""

from typing import Literal

import msgspec

from stages.storage.quantities import Key, Name

HeadKind = Literal["zero_shot", "trained", "random"]
"""The kinds of head, each a section of `heads:`."""


class EncoderEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One encoder: its name in the report, how it was trained, and on what.

    `head` is a section of `heads:`. `training`, `backbone` and `data` group the report; `training`
    follows the paper's groups (Crabbé et al. 2024, section 3).
    """

    label: Name
    training: Literal["zero_shot", "finetuned", "supervised", "untrained"]
    backbone: Key
    data: Name
    head: HeadKind
