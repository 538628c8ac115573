"""A measure with its interval: how estimates compare, and how a sentence says so."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from stages.figures.inputs import Encoder
from stages.figures.names import TRAININGS
from stages.figures.numbers import with_interval

Verdict = Literal["shown", "not shown", "undecided", "mixed"]

Estimate = tuple[float, float, float]
"""A mean between the ends of its interval: low, mean, high."""


def ordered(estimates: Sequence[Estimate]) -> Verdict:
    """Judge whether estimates descend: shown or not shown only where intervals stand apart."""
    pairs = list(pairwise(estimates))
    if any(later[0] > earlier[2] for earlier, later in pairs):
        return "not shown"
    return "shown" if all(earlier[0] > later[2] for earlier, later in pairs) else "undecided"


def complete(estimates: Sequence[tuple[float | None, ...]]) -> list[Estimate]:
    """Return the estimates where each has all its numbers, else none of them."""
    whole = [
        (a, b, c) for a, b, c in estimates if a is not None and b is not None and c is not None
    ]
    return whole if len(whole) == len(estimates) else []


def listed(members: Sequence[Encoder], values: Sequence[Estimate]) -> str:
    """Return encoders' estimates by their kinds of training."""
    return ", ".join(
        f"{TRAININGS[e.series.training]} {with_interval(mean, low, high)}"
        for e, (low, mean, high) in zip(members, values, strict=True)
    )


def versus(one: Encoder, other: Encoder, values: Sequence[Estimate], digits: int = 1) -> str:
    """Return the estimates of two encoders by their labels."""
    left, right = (with_interval(mean, low, high, digits) for low, mean, high in values)
    return f"{one.series.label} {left} against {other.series.label} {right}"
