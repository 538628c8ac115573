"""What an encoder is, beside its weights: `encoder.json`."""

from typing import Literal

import msgspec

from stages.encoders.architecture import Architecture
from stages.encoders.preprocess import Preprocess
from stages.encoders.representation import Representation
from stages.storage.quantities import Count


class Origin(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Where weights came from that were not made here, and the SHA-256 of the file they were in.

    `source` is the source of the entry in `weights:`, `tag` its tag; `location` the URL, the path
    or the hub's repository and file; `revision` the commit of a repository.
    """

    source: Literal["open_clip", "torchvision", "timm", "checkpoint"]
    location: str
    sha256: str
    tag: str | None = None
    revision: str | None = None


class EncoderCard(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`encoder.json`: all of an encoder that is not a weight.

    `representation` says whether the features end in a linear layer or in an activation, whose
    kurtosis is high of itself. `vocabulary` is that of a CLIP trained here; one of open_clip's
    models has open_clip's tokenizer and none. `classes` are the classifier's, in the order of its
    head; an untrained encoder is a classifier without classes.
    """

    kind: Literal["clip", "classifier"]
    architecture: Architecture
    representation: Representation
    feature_width: Count
    preprocess: Preprocess
    normalize_features: bool
    vocabulary: list[str] | None
    classes: list[str] | None
    origin: Origin | None = None
