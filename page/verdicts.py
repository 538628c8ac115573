"""Claims and their verdicts: what numbers with intervals decide."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.nulls import rank_p_value
from page.claim_charts import Dots, informative

Verdict = Literal["supported", "not supported", "undecided", "mixed"]

LEVEL = 0.05
"""A value is above a null if its p is at most this; the choice is ours, and with 19 draws or more
it means at or near the top."""


NEEDED_PAIRS = 5
"""So many pairs have to agree: the one-sided p of a sign test, 1 / 2 ** 5, is below `LEVEL`."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim, whether the numbers bear it out, the numbers, and the chart that shows them.

    `dots` are the numbers as a small chart beside the claim, None where it would say nothing.
    `whose` says whose claim it is where it is not the paper's.
    `elsewhere` has the lines under which a claim about published models has another verdict.
    """

    chart: str
    text: str
    verdict: Verdict
    findings: list[str]
    dots: Dots | None = None
    key: str = ""  # its address on the page
    whose: str = ""
    elsewhere: tuple[str, ...] = ()


def judge_differences(estimates: Sequence[Estimate]) -> Verdict:
    """Judge whether differences are positive: supported if all their intervals are above zero.

    Not supported if one of the intervals is below zero; otherwise undecided.
    """
    if any(one.ends[1] < 0 for one in estimates):
        return "not supported"
    above = bool(estimates) and all(one.ends[0] > 0 for one in estimates)
    return "supported" if above else "undecided"


def judge_pairs(differences: Sequence[float]) -> Verdict:
    """Judge whether the first of each pair is above: decided only if all agree, and are enough."""
    if len(differences) < NEEDED_PAIRS or min(differences) <= 0 <= max(differences):
        return "undecided"
    return "supported" if differences[0] > 0 else "not supported"


def judge_against_null(low: float, high: float, null: Sequence[float]) -> Verdict:
    """Judge whether a value is above a null by its rank, at both ends of the value's interval.

    Undecided if only one end is, or if the null has too few draws for any p to reach the level.
    """
    if rank_p_value(float("inf"), null) > LEVEL:
        return "undecided"
    above = [rank_p_value(end, null) <= LEVEL for end in (low, high)]
    return "supported" if all(above) else "undecided" if any(above) else "not supported"


class Case(NamedTuple):
    """One comparison of a claim: what it decides, in words, and the rows of the claim's chart."""

    verdict: Verdict
    text: str
    rows: Sequence[dict[str, Any]] = ()


def drawn_claim(
    chart: str,
    text: str,
    cases: Sequence[Case],
    axis: str,
    reference: tuple[float, str] | None = None,
) -> Claim | None:
    """Return a claim judged by its cases, with the chart of their numbers along an axis."""
    rows = [row for case in cases for row in case.rows]
    dots = Dots(axis=axis, rows=rows, reference=reference)
    return judged_claim(chart, text, [(case.verdict, case.text) for case in cases], dots)


def judged_claim(
    chart: str, text: str, cases: Sequence[tuple[Verdict, str]], dots: Dots | None = None
) -> Claim | None:
    """Return a claim judged by its cases; if these differ, each states its own verdict."""
    if not cases:
        return None
    verdicts: set[Verdict] = {verdict for verdict, _ in cases}
    overall: Verdict = verdicts.pop() if len(verdicts) == 1 else "mixed"
    findings = [
        f"{finding} ({verdict})" if overall == "mixed" else finding for verdict, finding in cases
    ]
    return Claim(
        chart=chart,
        text=text,
        verdict=overall,
        findings=findings,
        dots=informative(dots) if dots else None,
    )
