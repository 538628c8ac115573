"""The words that figures use for what the results call by a key."""

from collections.abc import Sequence
from types import MappingProxyType

from stages.reporting.results import Encoder
from stages.runtime.errors import InputError

SHIFTS = MappingProxyType(
    {
        "imagenet_v2": "ImageNet-V2",
        "imagenet_r": "ImageNet-R",
        "imagenet_sketch": "ImageNet-Sketch",
        "objectnet": "ObjectNet",
        "imagenet_a": "ImageNet-A",
    }
)
"""The five natural distribution shifts, in the order in which they are shown."""

DATASETS = MappingProxyType({"imagenet": "ImageNet", **SHIFTS})
"""ImageNet's test images and the five shifts."""

TRAININGS = MappingProxyType(
    {
        "zero_shot": "zero-shot",
        "finetuned": "finetuned",
        "supervised": "supervised",
        "untrained": "untrained",
    }
)
"""How an encoder came to its head."""


def shown(value: float | int | None, digits: int = 1) -> str:
    """Return a number with a true minus and `digits` decimals, or a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def with_interval(
    value: float | None, low: float | None, high: float | None, digits: int = 1
) -> str:
    """Return a number followed by its interval in brackets, where it has one."""
    if value is None or low is None or high is None:
        return shown(value, digits)
    return f"{shown(value, digits)} [{shown(low, digits)}, {shown(high, digits)}]"


def percent(fraction: float | None) -> str:
    """Return a fraction, 0 to 1, in whole percent."""
    return "–" if fraction is None else f"{shown(100 * fraction, 0)} %"


def measured_shifts(encoders: Sequence[Encoder]) -> list[str]:
    """Return the shifts of the study, in the order of `SHIFTS`.

    Raises
    ------
    InputError
        Two encoders were measured on different shifts, so that their means do not compare.
    """
    found = [e.metrics.effective_robustness.shifts for e in encoders]
    for e, shifts in zip(encoders, found, strict=True):
        if shifts != found[0]:
            raise InputError(
                f"metrics/encoders/{e.key}.json: measured on the shifts {shifts or list(SHIFTS)}, "
                f"`{encoders[0].key}` on {found[0] or list(SHIFTS)}; run `dvc repro`"
            )
    listed = found[0] if found else None
    return [shift for shift in SHIFTS if listed is None or shift in listed]


def mean_over(encoders: Sequence[Encoder]) -> str:
    """Say what a mean over the shifts is over, where it is not over all five; else nothing."""
    shifts = measured_shifts(encoders)
    if len(shifts) == len(SHIFTS):
        return ""
    return (
        f" over {', '.join(SHIFTS[shift] for shift in shifts)} alone" if shifts else " of no shift"
    )
