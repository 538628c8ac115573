"""The types of parameters: mappings, and constrained numbers, names and texts.

Every number has an upper bound: far above any use, and low enough to compute with.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from interpreting_clip.errors import PUBLIC_QUERY, public_url


class StrictStruct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in params.yaml: immutable, and an unknown key is an error."""


@dataclass(frozen=True)
class Described:
    """What the manual adds to a key's type: `Annotated[Seed, Described("of the draws")]`.

    Attributes
    ----------
    meaning : as a phrase
    unit : or – if there is none
    paper : the value of Crabbé et al. 2024, "not given", or – if the question does not arise
    legal : the legal values in words, if the type does not say all
    """

    meaning: str
    unit: str = "–"
    paper: str = "–"
    legal: str = ""


class Kind(StrictStruct, frozen=True, kw_only=True, tag_field="kind"):
    """A mapping whose key `kind` names its type."""


Count = Annotated[int, Meta(ge=1, le=10**9)]
"""A whole number of things, at least one."""

Natural = Annotated[int, Meta(ge=0, le=10**9)]
"""A whole number of things, possibly none."""

ThreadCount = Annotated[int, Meta(ge=1, le=1024)]
"""Threads of the CPU."""

Resamples = Annotated[int, Meta(ge=1, le=100_000)]
"""Resamples of a bootstrap."""

Seed = Annotated[int, Meta(ge=0, lt=2**31)]
"""The seed of a random generator."""

Epochs = Annotated[int, Meta(ge=1, le=10_000)]
"""Passes over a dataset."""

Width = Annotated[int, Meta(ge=1, le=4096)]
"""Features of a layer; 1,664 in the widest CLIP of OpenCLIP's."""

Depth = Annotated[int, Meta(ge=1, le=64)]
"""Layers or blocks, one after the other; 48 in the deepest CLIP of OpenCLIP's."""

Side = Annotated[int, Meta(ge=1, le=1024)]
"""The side of a square of pixels."""

Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
"""A share or a probability, 0 to 1."""

Share = Annotated[float, Meta(gt=0.0, le=1.0)]
"""A share that is not 0: above 0, at most 1."""

Confidence = Annotated[float, Meta(gt=0.0, lt=1.0)]
"""The confidence of an interval, such as 0.95."""

Percents = Annotated[float, Meta(ge=0.0, le=100.0)]
"""Percentage points, 0 to 100."""

LearningRate = Annotated[float, Meta(gt=0.0, le=100.0)]
"""The learning rate of an optimiser."""

Positive = Annotated[float, Meta(gt=0.0, le=1e6)]
"""A number above zero."""

NonNegative = Annotated[float, Meta(ge=0.0, le=1e6)]
"""Zero or a number above it."""

Sweep = Annotated[list[Share], Meta(min_length=1, max_length=1000)]
"""Further thresholds at which counts are given."""

KEY = r"^[a-z0-9_]+\Z"
"""What the name of an entry matches."""

Key = Annotated[
    str, Meta(pattern=KEY, max_length=100, extra={"legal": "`[a-z0-9_]+`, a number in quotes"})
]
"""The name of an entry: DVC addresses stages by it, so no dots, dashes or `@`."""

CONTROL = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
"""Characters that no text may have: control characters, line ends except `\\n`, characters that
change the direction of the text after them, and what XML cannot hold, such as surrogates."""

LITERAL = r"^(?![\s\S]*\$\{)"
"""The start of every text's pattern: the text has no `${`, which `dvc exp run -S` replaces."""

ONE_LINE = Meta(
    pattern=rf"{LITERAL}[^\n{CONTROL}]*\Z",
    extra={"legal": "one line without control characters and `${`, a number or date in quotes"},
)
LINES = Meta(
    pattern=rf"{LITERAL}[^{CONTROL}]*\Z",
    extra={"legal": "lines without control characters and `${`"},
)

Name = Annotated[str, Meta(min_length=1, max_length=200), ONE_LINE]
"""A name or a description."""

Place = Annotated[str, Meta(min_length=1, max_length=2000), ONE_LINE]
"""The path of a file or folder."""

Url = Annotated[
    str,
    Meta(
        pattern=rf"{LITERAL}https?://[^\s{CONTROL}]+\Z",
        max_length=2000,
        extra={"legal": "an address that begins with http:// or https://, without spaces"},
    ),
]
"""The address of a file."""

Sha256 = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{64}\Z", extra={"legal": "64 hexadecimal digits, 0-9a-f"})
]
"""The SHA-256 of a file, in hexadecimal."""


def require_public(url: str) -> None:
    """Refuse a URL that may grant access: params.yaml is in git, and its URLs in every card.

    Raises
    ------
    ValueError
        It has a login, a fragment, or a query that may hold a secret; the secret is not named.
    """
    public = public_url(url)
    if public == "…":
        raise ValueError(
            "`url`: expected https:// or http://, a host, perhaps `:` and a port up to 65535, and "
            "a path, got … (not shown: it may hold a login)"
        )
    if public != url:
        raise ValueError(
            f"`url` may grant access where `…` stands: {public}. params.yaml is for everybody: get "
            "the file yourself and use `source: folder` or `file`, or let this machine's `mirror` "
            f"hold a login. A query may have {', '.join(PUBLIC_QUERY)}"
        )
