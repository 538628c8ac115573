"""Claims, the cases that they rest on, and their verdicts: what numbers with intervals decide."""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

import msgspec

from interpreting_clip.formats.result import Estimate
from page.names import format_estimate, mark

Verdict = Literal["supported", "contradicted", "undecided", "mixed"]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A number that a claim rests on: a row of its table.

    Attributes
    ----------
    group : the family or source whose cases stand together; empty if there is none
    name : the encoder, or what is subtracted from what
    number : with its interval, over seeds where there are replicas; None if no seed counts
    digits : decimals that are shown
    seeds : the spread over seeds, marked if some of them do not count
    chance : the chance level, in words
    extrapolated : whether the number was read from an extrapolated line
    columns : what else its row of the table shows, by the heading
    verdict : what the case decides, together with the others of its group; None if it is not judged
    """

    name: str
    number: Estimate | None
    group: str = ""
    digits: int = 1
    seeds: str = ""
    chance: str = ""
    extrapolated: bool = False
    columns: dict[str, str] = {}
    verdict: Verdict | None = None

    @property
    def text(self) -> str:
        """The number with its interval."""
        return format_estimate(self.number, self.digits) + mark(self.extrapolated)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim, its verdict, the reason in one sentence, and the cases that it rests on.

    Attributes
    ----------
    key : its address on the page
    chart : the figure that shows more
    axis : what the numbers of its cases are
    note : what a reader of its table should know
    ours : whether it stands apart, since the paper does not make it
    elsewhere : its verdict on straight lines, if that is another one
    """

    key: str
    chart: str
    text: str
    verdict: Verdict
    reason: str
    cases: list[Case]
    axis: str
    note: str = ""
    ours: bool = False
    elsewhere: Verdict | None = None

    @property
    def groups(self) -> list[list[Case]]:
        """The cases that share a verdict; a case without a group is its own group."""
        return [list(cases) for _, cases in groupby(self.cases, lambda c: c.group or c.name)]


def overall(cases: Sequence[Case]) -> Verdict:
    """Return the verdict of a claim from its cases, leaving out cases that are not judged.

    *Supported* or *contradicted* if every case is; *mixed* if one is supported and another
    contradicted; otherwise *undecided*, as it is without a case. A claim is made of every case, so
    one that is undecided leaves it open. The rule is ours.
    """
    verdicts: set[Verdict] = {case.verdict for case in cases if case.verdict}
    if "mixed" in verdicts or verdicts >= {"supported", "contradicted"}:
        return "mixed"
    return verdicts.pop() if len(verdicts) == 1 else "undecided"


def supported(cases: Sequence[Case], what: str) -> str:
    """Return how many of the cases, counted by their groups, support a claim: `1 of 2 families`.

    Cases that are not judged do not count.
    """
    verdicts = {case.group or case.name: case.verdict for case in cases if case.verdict}
    return f"{[*verdicts.values()].count('supported')} of {len(verdicts)} {what}"


def judge_differences(estimates: Sequence[Estimate]) -> Verdict:
    """Judge whether differences are positive: supported if all their intervals are above zero.

    Contradicted if one of the intervals is below zero; otherwise undecided. A difference without an
    interval decides nothing.
    """
    known = [one for one in estimates if one.low is not None and one.high is not None]
    if any(one.ends[1] < 0 for one in known):
        return "contradicted"
    above = len(known) == len(estimates) > 0 and all(one.ends[0] > 0 for one in known)
    return "supported" if above else "undecided"
