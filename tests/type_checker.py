"""Checks of types and shapes while tests run (jaxtyping and beartype)."""

from collections.abc import Callable
from typing import Any

from beartype import beartype

MEASURES = "interpreting_clip.measures."
CHART = "interpreting_clip.charts.chart"
OF_A_STUDY = ("outlier_axes", "prunable")


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check a function's arguments, except those of public measures and of `chart`.

    These convert what they are given, and refuse it in words of their own, which tests compare. A
    public measure has its module's name; other modules have measures of a study.
    """
    module = getattr(function, "__module__", "")
    name = getattr(function, "__qualname__", "")
    public = name in (module.removeprefix(MEASURES), "outlier_features") and name not in OF_A_STUDY
    if (module, name) == (CHART, "chart") or (public and module.startswith(MEASURES)):
        return function
    return beartype(function)
