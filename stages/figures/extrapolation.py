"""Where a baseline line is used beyond the standard models that it was fitted to."""

from collections.abc import Sequence

from stages.figures.inputs import Encoder
from stages.figures.numbers import shown


def extrapolated(encoders: Sequence[Encoder]) -> str:
    """Say for which of the encoders the line is extrapolated, or return nothing.

    Effective robustness is a distance to the line; where no standard model has a like ImageNet
    accuracy, the line is a guess, and the logit's curve leaves little room near 100 %.
    """
    if not encoders:
        return ""
    models = [model["imagenet"] for model in encoders[0].series.robustness.models]
    known = [float(accuracy) for accuracy in models if accuracy is not None]
    outside = [e for e in encoders if not within(e.metrics.accuracy.imagenet, known)]
    if not outside:
        return ""
    names = (f"{e.series.label} ({shown(e.metrics.accuracy.imagenet)} %)" for e in outside)
    span = f"span {shown(min(known))} to {shown(max(known))} %" if known else "are unknown"
    return f"the line is extrapolated to {' and '.join(names)}, its standard models {span}"


def within(value: float | None, known: Sequence[float]) -> bool:
    """Say whether a value lies between the least and the largest of the known ones."""
    return value is not None and bool(known) and min(known) <= value <= max(known)
