"""Claims about effective robustness that are not the paper's: finetuning, coverage and data."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import msgspec

from page.differences import judged, robustness_difference, seed_difference
from page.families import families, label_controls
from page.further_encoders import FurtherEncoder
from page.names import DATASETS, TESTBED_SHIFTS
from page.standing import Line
from page.study_results import StudyEncoder, measured_shifts
from page.verdicts import NO_DIFFERENCE, Case, Claim, not_judged, overall, supported

EXTRAPOLATED = "outside the range of the standard models"

POINTS = "difference of mean effective robustness (points)"


def our_claims(
    encoders: Sequence[StudyEncoder],
    names: Mapping[str, str] = DATASETS,
    further: Sequence[FurtherEncoder] = (),
) -> list[Claim]:
    """Return these claims on curved lines; `elsewhere` has another verdict on straight ones."""
    judges = (
        lambda line: robustness_order(encoders, names, line),
        lambda line: coverage_of_data(encoders, names, further, line),
        lambda line: narrower_data(encoders, names, further, line),
    )
    return [_on_both_lines(judge) for judge in judges]


def _on_both_lines(judge: Callable[[Line], Claim]) -> Claim:
    claim, straight = judge("curved"), judge("straight")
    differs = straight.cases and straight.verdict != claim.verdict
    elsewhere = (f"{straight.verdict} on straight lines",) if differs else ()
    return msgspec.structs.replace(claim, elsewhere=elsewhere, ours=True)


def robustness_order(
    encoders: Sequence[StudyEncoder],
    names: Mapping[str, str] = DATASETS,
    line: Line = "curved",
) -> Claim:
    """Compare the mean effective robustness of zero-shot, finetuned and supervised encoders."""
    cases = []
    for family in families(encoders):
        differences = [
            robustness_difference(*pair, family.name, line) for pair in pairwise(family.members)
        ]
        cases += _judged_if_known(differences)
    return _claim(
        key="robustness-order",
        text="Zero-shot encoders are more robust than their finetuned versions, and these more "
        f"than supervised encoders (mean effective robustness{mean_over(encoders, names)}).",
        whose="After Radford et al. (2021).",
        counted=f"In {supported(cases, 'families')}, the interval of every difference is above "
        "zero.",
        cases=cases,
    )


def coverage_of_data(
    encoders: Sequence[StudyEncoder],
    names: Mapping[str, str] = DATASETS,
    further: Sequence[FurtherEncoder] = (),
    line: Line = "curved",
) -> Claim:
    """Compare encoders that learnt labels with those that learnt captions of the same images."""
    cases = []
    for pair in label_controls(encoders):
        cases += _judged_if_known([robustness_difference(*pair, line=line)])
    controls = [e for e in further if e.entry.training == "supervised"]
    for control in controls:
        cases += _judged_if_known([seed_difference(control, control.other, line)])
    over = f" (mean effective robustness{mean})" if (mean := mean_over(encoders, names)) else ""
    return _claim(
        key="coverage",
        text=f"Labels give more robustness than captions of the same images{over}.",
        whose="After Fang et al. (2022), who trace robustness to the images and not to language.",
        counted=f"In {supported(cases, 'pairs')}, the interval of the difference is above zero.",
        cases=cases,
        further=controls,
    )


def narrower_data(
    encoders: Sequence[StudyEncoder],
    names: Mapping[str, str] = DATASETS,
    further: Sequence[FurtherEncoder] = (),
    line: Line = "curved",
) -> Claim:
    """Compare an encoder with further encoders that learnt from narrower captioned images."""
    cases = []
    narrower = [e for e in further if e.entry.training == "zero_shot"]
    for encoder in narrower:
        cases += _judged_if_known([seed_difference(encoder.other, encoder, line)])
    return _claim(
        key="narrower-data",
        text="An encoder that learnt from captions of narrower images is less robust than one that "
        f"learnt from broader ones (mean effective robustness{mean_over(encoders, names)}).",
        whose="After Fang et al. (2022).",
        counted=f"In {supported(cases, 'pairs')}, the interval of the difference is above zero.",
        cases=cases,
        further=narrower,
    )


def _claim(
    *,
    key: str,
    text: str,
    whose: str,
    counted: str,
    cases: list[Case],
    further: Sequence[FurtherEncoder] = (),
) -> Claim:
    """Return a claim that is judged by differences; `counted` says how many support it."""
    return Claim(
        key=key,
        chart="effective_robustness",
        whose=whose,
        text=text,
        verdict=overall(cases),
        reason=f"{counted}{not_judged(cases, EXTRAPOLATED)}{_differences(further)}",
        cases=cases,
        axis=POINTS,
        reference=NO_DIFFERENCE,
    )


def mean_over(encoders: Sequence[StudyEncoder], names: Mapping[str, str] = DATASETS) -> str:
    """Name the shifts that a mean is over, or return nothing if it is over all of the testbed."""
    shifts = measured_shifts(encoders)
    if len(shifts) == len(TESTBED_SHIFTS):
        return ""
    return f" over only {', '.join(names[s] for s in shifts)}" if shifts else " of no shift"


def _judged_if_known(differences: Sequence[Case | None]) -> list[Case]:
    """Judge the differences of a family together, if all of its encoders have a robustness."""
    known = [case for case in differences if case]
    return judged(known) if len(known) == len(differences) else []


def _differences(further: Sequence[FurtherEncoder]) -> str:
    """Return what else differs between the trainings, so that no reader credits one cause."""
    return "".join(
        f" {e.entry.label} differs from {e.other.entry.label} in {', '.join(e.differs)}."
        for e in further
        if e.differs
    )
