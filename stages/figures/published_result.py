"""The result on published accuracies, checked and typed."""

from typing import Any

import msgspec

from stages.figures.inputs import Number, checked


class PublishedLine(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline fitted on published accuracies, and the number of standard models in it."""

    slope: float
    intercept: float
    r_squared: float
    models: int


class PublishedRobustness(msgspec.Struct, frozen=True, kw_only=True):
    """A published model's mean effective robustness in percentage points, with an interval."""

    mean: Number
    low: Number
    high: Number


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The result on published accuracies: `metrics/published.json`."""

    lines: dict[str, PublishedLine]
    encoders: dict[str, PublishedRobustness]


def read_published(published: Any) -> Published:
    """Check the loaded `metrics/published.json`.

    Raises
    ------
    InputError
        A key is missing or holds a wrong value.
    """
    return checked({"published": published}, "published", "metrics/published.json", Published)
