"""Encoders of linear and of rectified representations stand apart: in no list together."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from stages.reporting.results import Encoder

REPRESENTATIONS: Mapping[str, str] = MappingProxyType(
    {"linear": "linear representations", "rectified": "rectified representations"}
)
"""The kinds of representation in the order in which they are shown, and their names in tables."""

WHY_APART = (
    "Encoders whose features are the output of a ReLU stand apart from those whose features are "
    "linear: rectified features are sparse and never negative, so that their kurtosis is high "
    "without a single outlier feature, and a feature that is mostly zero tells images apart in "
    "another way. Numbers of the two kinds do not compare."
)


def named(encoder: Encoder) -> str:
    """Return the name of an encoder's kind of representation."""
    return REPRESENTATIONS[encoder.series.representation]


def by_representation(encoders: Sequence[Encoder]) -> dict[str, list[Encoder]]:
    """Return the encoders of each kind that there is, by its name, linear ones first."""
    groups = {name: [e for e in encoders if named(e) == name] for name in REPRESENTATIONS.values()}
    return {name: group for name, group in groups.items() if group}


def alike(one: Encoder, other: Encoder) -> bool:
    """Say whether two encoders have one kind of representation, so that their numbers compare."""
    return one.series.representation == other.series.representation


def rows_apart(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each kind of representation that there is, by its name."""
    groups = {name: [] for name in REPRESENTATIONS.values()}
    for row in rows:
        groups[row["representation"]].append(dict(row))
    return {name: group for name, group in groups.items() if group}
