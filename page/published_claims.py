"""What published accuracies of real models show, under every choice of the line."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import COMPARED, ChoiceCard, Comparison, PublishedModels
from page.claim_charts import NUMBERS, Dots
from page.names import format_interval, format_number, mark
from page.published_results import TRAININGS
from page.verdicts import Claim, Verdict, judge_differences, judged_claim

FINETUNED = ("finetuned", "finetuned_12k")
"""The kinds of training that change all weights of a zero-shot model."""


def published_claims(published: PublishedModels, tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    """Return every claim that the published models allow to judge, on the default line.

    Each says under which other lines its verdict changes. `tables` has the models by choice.
    """
    titles = {key: source.title for key, source in published.sources.items()}
    judges: dict[str, Callable[[pd.DataFrame, ChoiceCard], Claim | None]] = {
        "published": zero_shot_robust,
        "finetuning": lambda models, _: finetuning_reduces(models, titles),
        "published-order": order_of_trainings,
    }
    claims = []
    for key, judge in judges.items():
        judged = {
            choice: claim
            for choice in tables
            if (claim := judge(tables[choice], published.choices[choice]))
        }
        if default := judged.get(DEFAULT):
            elsewhere = [
                f"{claim.verdict} under “{published.choices[choice].label}”"
                for choice, claim in judged.items()
                if claim.verdict != default.verdict
            ]
            claims.append(msgspec.structs.replace(default, key=key, elsewhere=tuple(elsewhere)))
    return claims


def zero_shot_robust(models: pd.DataFrame, choice: ChoiceCard) -> Claim | None:
    """Count the zero-shot models that are more robust than one more standard model would be.

    The interval of their mean robustness has to be above the prediction limit. Models to which a
    line is extrapolated are not counted.
    """
    models = models[models["training"] == "zero_shot"].dropna(subset=["mean_all"])
    counted = models[~models["extrapolated"]].sort_values(["mean_all", "name"])
    if counted.empty:
        return None
    spread = choice.spread["all"]
    above = int((counted["low_all"] > spread.limit).sum())
    findings = [
        f"{above} of {len(counted)} zero-shot models have an interval above "
        f"{format_number(spread.limit)} points, the limit for one more standard model",
        *_not_counted(len(models) - len(counted)),
    ]
    for which, place in (("lowest", 0), ("highest", -1)):
        one = counted.iloc[place]
        findings.append(f"{which}: {one['name']}, {one['text_all']} points ({_imagenet(one)})")
    return Claim(
        chart="published",
        text="Zero-shot CLIP models are more robust than standard models on the real datasets.",
        verdict="supported" if above == len(counted) else "mixed" if above else "not supported",
        findings=findings,
    )


def finetuning_reduces(models: pd.DataFrame, titles: Mapping[str, str]) -> Claim | None:
    """Count the finetuned models that are less robust than the model that they started from.

    The difference is taken on each resampled line, over the shifts that both were measured on.
    """
    models = models[models["training"].isin(FINETUNED)].dropna(subset=["mean_change"])
    counted = models[~models["extrapolated"]]
    if counted.empty:
        return None
    verdict: Verdict = "mixed"
    if (counted["high_change"] < 0).all():
        verdict = "supported"
    elif (counted["low_change"] > 0).all():
        verdict = "not supported"
    findings = []
    for source, group in counted.groupby("source", sort=False):
        ordered = group.sort_values("mean_change", kind="stable")
        lowest, highest = ordered.iloc[0], ordered.iloc[-1]
        findings.append(
            f"{titles[str(source)]}: {int((group['high_change'] < 0).sum())} of {len(group)} "
            f"models lose robustness, from {highest['text_change']} ({highest['name']}) to "
            f"{lowest['text_change']} points ({lowest['name']})"
        )
    return Claim(
        chart="finetuning",
        text="Finetuning on ImageNet reduces the effective robustness of a zero-shot model.",
        verdict=verdict,
        findings=[*findings, *_not_counted(len(models) - len(counted))],
    )


def order_of_trainings(models: pd.DataFrame, choice: ChoiceCard) -> Claim | None:
    """Compare zero-shot, finetuned and supervised models of one backbone, without ObjectNet.

    The intervals of the differences decide. A case is undecided if a line is extrapolated to one of
    the models, and cannot be supported without a model of each kind.
    """
    by_name = models.set_index("name", drop=False)
    cases: list[tuple[Verdict, str]] = []
    rows: list[dict[str, Any]] = []
    for one in choice.comparisons:
        compared = by_name.loc[one.models]
        verdict = judge_differences([Estimate(*interval) for interval in one.differences])
        lacks_a_kind = len(one.models) < len(COMPARED)
        if compared["extrapolated"].any() or (verdict == "supported" and lacks_a_kind):
            verdict = "undecided"
        values = ", ".join(_value(model) for _, model in compared.iterrows())
        between = _difference_rows(compared, one)
        differences = ", ".join(f"{row['name']} {row['text']}" for row in between)
        cases.append((verdict, f"{one.backbone}, {one.data}: {values}; {differences}"))
        rows += between
    return judged_claim(
        "counterparts",
        "Zero-shot models are more robust than their finetuned versions, and these more than "
        "supervised models of the backbone (mean without ObjectNet; ‡ extrapolated).",
        cases,
        Dots(axis="difference in points", rows=rows, reference=(0, "no difference")),
    )


def _difference_rows(models: pd.DataFrame, comparison: Comparison) -> list[dict[str, Any]]:
    """Return the rows of the claim's chart, one for each difference between a model and the next.

    They are coloured by the first.
    """
    rows = []
    pairs = pairwise(models.to_dict("records"))
    for (before, after), interval in zip(pairs, comparison.differences, strict=True):
        value, low, high = interval
        extrapolated = mark(before["extrapolated"] or after["extrapolated"])
        rows.append(
            {
                "group": f"{comparison.backbone}, {comparison.data}",
                "name": f"{TRAININGS[before['training']]} − {TRAININGS[after['training']]}",
                "training": TRAININGS[before["training"]],
                "text": format_interval(*interval) + extrapolated,
                **dict(zip(NUMBERS, (value, low, high, low, high, None, None), strict=True)),
            }
        )
    return rows


def _value(model: pd.Series) -> str:
    note = f" ({model['note']})" if model["note"] else ""
    return (
        f"{TRAININGS[model['training']]}{note} {model['text_without_objectnet']}"
        f"{model['mark_all']} points ({_imagenet(model)})"
    )


def _imagenet(model: pd.Series) -> str:
    return f"ImageNet {format_number(model['imagenet'])} %"


def _not_counted(models: int) -> list[str]:
    if not models:
        return []
    return [f"{models} more are not counted, since they lie outside the line’s range"]
