"""Which of the five shifts a study measures, and how its mean over them is called."""

from collections.abc import Sequence

from stages.figures.inputs import Encoder
from stages.figures.names import SHIFTS
from stages.storage.errors import InputError


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
