"""What a card says of an architecture: all that is needed to build it again."""

from typing import Any

import msgspec

from stages.encoders.backbone import Backbone, TimmModel, TorchvisionModel


class OpenClipConfig(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="open_clip_config",
):
    """A model of open_clip by its configuration, in open_clip's own keys.

    A later open_clip may change what a name of its zoo stands for; the configuration beside the
    weights does not change. `model` is the name that it was found under.
    """

    model: str
    config: dict[str, Any]


Architecture = Backbone | OpenClipConfig | TorchvisionModel | TimmModel
"""The architecture of an encoder; its `kind` says which."""
