"""Claims about effective robustness that are not the paper's: finetuning, coverage and data."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from page.differences import (
    difference_claim,
    judged,
    robustness_difference,
    seed_difference,
)
from page.families import families, label_controls
from page.further_encoders import FurtherEncoder
from page.names import DATASETS, TESTBED_SHIFTS
from page.standing import Line
from page.study_results import StudyEncoder, measured_shifts
from page.verdicts import Claim


def our_claims(
    encoders: Sequence[StudyEncoder], further: Sequence[FurtherEncoder] = ()
) -> list[Claim]:
    """Return these claims on curved lines; `elsewhere` is another verdict on straight ones."""

    def judge(line: Line) -> tuple[Claim, ...]:
        return (
            robustness_order(encoders, line),
            coverage_of_data(encoders, further, line),
            narrower_data(further, line),
        )

    claims = []
    for claim, straight in zip(judge("curved"), judge("straight"), strict=True):
        differs = straight.cases and straight.verdict != claim.verdict
        elsewhere = straight.verdict if differs else None
        claims.append(msgspec.structs.replace(claim, elsewhere=elsewhere, ours=True))
    return claims


def robustness_order(encoders: Sequence[StudyEncoder], line: Line = "curved") -> Claim:
    """Compare the mean effective robustness of zero-shot, finetuned and supervised encoders."""
    cases = []
    for family in families(encoders):
        pairs = pairwise(family.members)
        cases += judged([robustness_difference(*pair, family.name, line) for pair in pairs])
    return difference_claim(
        cases,
        "points",
        "families",
        key="robustness-order",
        text="Zero-shot encoders are more robust than their finetuned versions, and these more "
        "than supervised encoders (Radford et al. 2021).",
    )


def coverage_of_data(
    encoders: Sequence[StudyEncoder],
    further: Sequence[FurtherEncoder] = (),
    line: Line = "curved",
) -> Claim:
    """Compare encoders that learnt labels with those that learnt captions of the same images.

    Fang et al. (2022) trace robustness to the images and not to language.
    """
    controls = [e for e in further if e.entry.training == "supervised"]
    pairs = [robustness_difference(*pair, line=line) for pair in label_controls(encoders)]
    pairs += [seed_difference(control, control.other, line) for control in controls]
    return difference_claim(
        [case for pair in pairs for case in judged([pair])],
        "points",
        "pairs",
        key="coverage",
        text="Labels give more robustness than captions of the same images (after Fang et al. "
        "2022).",
        note=_what_differs(controls),
    )


def narrower_data(further: Sequence[FurtherEncoder], line: Line = "curved") -> Claim:
    """Compare an encoder with further encoders that learnt from narrower captioned images."""
    narrower = [e for e in further if e.entry.training == "zero_shot"]
    pairs = [seed_difference(e.other, e, line) for e in narrower]
    return difference_claim(
        [case for pair in pairs for case in judged([pair])],
        "points",
        "pairs",
        key="narrower-data",
        text="Captions of narrower images give less robustness than captions of broader ones "
        "(after Fang et al. 2022).",
        note=_what_differs(narrower),
    )


def _what_differs(further: Sequence[FurtherEncoder]) -> str:
    """Return what else differs between the trainings, so that no reader credits one cause."""
    return " ".join(
        f"{e.entry.label} differs from {e.other.entry.label} in {', '.join(e.differs)}."
        for e in further
        if e.differs
    )


def mean_over(encoders: Sequence[StudyEncoder], names: Mapping[str, str] = DATASETS) -> str:
    """Name the shifts that a mean is over, or return nothing if it is over all of the testbed."""
    shifts = measured_shifts(encoders)
    if len(shifts) == len(TESTBED_SHIFTS):
        return ""
    return f" over only {', '.join(names[s] for s in shifts)}" if shifts else " of no shift"
