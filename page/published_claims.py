"""What published accuracies of real models show, on curved lines."""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from math import isnan
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.published.line_choices import CURVED, DEFAULT
from interpreting_clip.published.schema import COMPARED, PublishedModels
from page.published_results import PUBLISHED_TRAININGS
from page.verdicts import (
    Case,
    Claim,
    Verdict,
    judge_differences,
    overall,
)


def published_claims(published: PublishedModels, tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    """Return every claim that the published models can decide, with the cases that are judged.

    Verdicts are those of curved lines; the reason names the models that straight lines judge
    otherwise. `tables` has the models by kind of line.
    """
    claims = []
    for judge, subject in (
        (zero_shot_robust, "name"),
        (finetuning_reduces, "name"),
        (order_of_trainings, "group"),
    ):
        claim, straight = (judge(published, tables[key], key) for key in (CURVED, DEFAULT))
        if claim.cases:
            reason = claim.reason + _otherwise(claim.cases, straight.cases, subject)
            cases = [case for case in claim.cases if case.verdict]
            # Of many models, the ends are enough.
            cases = _ends(cases) if subject == "name" else cases
            claims.append(msgspec.structs.replace(claim, reason=reason, cases=cases))
    return claims


def zero_shot_robust(published: PublishedModels, models: pd.DataFrame, _choice: str) -> Claim:
    """Judge whether zero-shot models are more robust than one more standard model would be.

    The interval of a model's mean robustness has to be above the limit at its ImageNet accuracy.
    """
    models = models[models["training"] == "zero_shot"].dropna(subset=["mean_all"])
    cases = [
        Case(
            name=model["name"],
            number=Estimate(model["mean_all"], model["low_all"], model["high_all"]),
            chance=f"up to {format_number(model['limit_all'])}",
            extrapolated=model["extrapolated"],
            verdict=_judge(model["low_all"], model["high_all"], model["limit_all"], model),
        )
        for model in models.sort_values(["mean_all", "name"]).to_dict("records")
    ]
    return Claim(
        key="published",
        chart="published",
        text="Zero-shot CLIPs are more robust than standard models on the real datasets.",
        verdict=overall(cases),
        reason=f"The intervals of {_count(cases, 'zero-shot models')} lie above the limit for one "
        f"more standard model{_outside(cases)}.",
        cases=cases,
        axis="mean effective robustness (points); grey: one more standard model",
    )


def finetuning_reduces(published: PublishedModels, models: pd.DataFrame, _choice: str) -> Claim:
    """Judge whether finetuned models are less robust than the model that they started from.

    The difference is taken on each resampled line, over the shifts that both were measured on.
    """
    models = models[models["training"].isin(["finetuned", "finetuned_12k"])].dropna(
        subset=["mean_change"]
    )
    cases = [
        Case(
            group=published.sources[model["source"]].title,
            name=model["name"],
            number=Estimate(model["mean_change"], model["low_change"], model["high_change"]),
            extrapolated=model["extrapolated"],
            verdict=_judge(-model["high_change"], -model["low_change"], 0.0, model),
        )
        for model in models.sort_values(["source", "mean_change", "name"]).to_dict("records")
    ]
    return Claim(
        key="finetuning",
        chart="finetuning",
        text="Finetuning on ImageNet reduces the effective robustness of a zero-shot model.",
        verdict=overall(cases),
        reason="The interval of the change lies below zero for "
        f"{_count(cases, 'finetuned models')}{_outside(cases)}.",
        cases=cases,
        axis="change of mean effective robustness (points)",
    )


def order_of_trainings(published: PublishedModels, models: pd.DataFrame, choice: str) -> Claim:
    """Compare zero-shot, finetuned and supervised models of one backbone, without ObjectNet.

    The intervals of the differences decide. A case is not judged if a line is extrapolated to one
    of the models, and cannot be supported without a model of each kind.
    """
    by_name = models.set_index("name", drop=False)
    cases = []
    for comparison in published.choices[choice].comparisons:
        compared = by_name.loc[comparison.models]
        differences = [Estimate(*interval) for interval in comparison.differences]
        verdict: Verdict | None = judge_differences(differences)
        if verdict == "supported" and len(comparison.models) < len(COMPARED):
            verdict = "undecided"
        if compared["extrapolated"].any():
            verdict = None
        pairs = zip(pairwise(compared.to_dict("records")), differences, strict=True)
        cases += [
            Case(
                group=f"{comparison.backbone}, {comparison.data}",
                name=" − ".join(map(_training, pair)),
                number=difference,
                extrapolated=any(model["extrapolated"] for model in pair),
                verdict=verdict,
            )
            for pair, difference in pairs
        ]
    # The differences of a comparison share its verdict.
    one_each = [next(same) for _, same in groupby(cases, lambda case: case.group)]
    return Claim(
        key="published-order",
        chart="",
        text="Zero-shot models are more robust than their finetuned versions, and these more than "
        "supervised models of the backbone (mean without ObjectNet).",
        verdict=overall(cases),
        reason="The intervals of both differences lie above zero for "
        f"{_count(one_each, 'backbones')}{_outside(one_each)}.",
        cases=cases,
        axis="difference in points",
    )


def _judge(low: float, high: float, least: float, model: Mapping[Any, Any]) -> Verdict | None:
    """Judge whether an interval is above a number; None outside the line's range."""
    if model["extrapolated"] or isnan(least):
        return None
    return "supported" if low > least else "contradicted" if high < least else "undecided"


def _count(cases: Sequence[Case], what: str) -> str:
    """Return how many of the cases that are judged support a claim: `1 of 2 models in range`."""
    judged = [case.verdict for case in cases if case.verdict]
    return f"{judged.count('supported')} of {len(judged)} {what} within the lines’ range"


def _outside(cases: Sequence[Case]) -> str:
    """Return how many cases are not judged; empty if all are."""
    left = sum(case.verdict is None for case in cases)
    return f"; {left} more lie outside" if left else ""


def _otherwise(cases: Sequence[Case], straight: Sequence[Case], subject: str) -> str:
    """Name the models or groups that straight lines judge otherwise; empty without one."""
    verdicts = {(case.group, case.name): case.verdict for case in straight}
    others = {
        f"{getattr(case, subject)} ({verdict})": None
        for case in cases
        if (verdict := verdicts.get((case.group, case.name))) and verdict != case.verdict
    }
    return f" Straight lines judge otherwise: {'; '.join(others)}." if others else ""


def _ends(cases: Sequence[Case]) -> list[Case]:
    """Return the lowest and the highest case of each source."""
    shown = []
    for _, group in groupby(cases, lambda case: case.group):
        ordered = list(group)
        shown += [
            msgspec.structs.replace(case, name=f"{which}: {case.name}")
            for which, case in (("lowest", ordered[0]), ("highest", ordered[-1]))
        ]
    return shown


def _training(model: Mapping[Any, Any]) -> str:
    """Return a model's training, with the note on other differences."""
    note = f" ({model['note']})" if model["note"] else ""
    return f"{PUBLISHED_TRAININGS[model['training']]}{note}"
