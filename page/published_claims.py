"""What published accuracies of real models show, under every choice of the line."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import COMPARED, ChoiceCard, Interval, PublishedModels
from page.claim_charts import Dots, dot_row
from page.names import format_interval, format_number, mark
from page.published_results import TRAININGS
from page.verdicts import Claim, Verdict, judge_differences, judged_claim

Titles = Mapping[str, str]
"""The titles of the sources."""


def published_claims(published: PublishedModels, tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    """Return every claim that the published models allow to judge, on the default line.

    Each says under which other lines its verdict changes. `tables` has the models by choice.
    """
    titles = {key: source.title for key, source in published.sources.items()}
    claims = []
    for judge in (zero_shot_robust, finetuning_reduces, order_of_trainings):
        judged = {
            published.choices[key].label: judge(table, published.choices[key], titles)
            for key, table in tables.items()
        }
        if default := judged[published.choices[DEFAULT].label]:
            elsewhere = [
                f"{claim.verdict} under “{label}”"
                for label, claim in judged.items()
                if claim and claim.verdict != default.verdict
            ]
            claims.append(msgspec.structs.replace(default, elsewhere=tuple(elsewhere)))
    return claims


def zero_shot_robust(models: pd.DataFrame, choice: ChoiceCard, _titles: Titles) -> Claim | None:
    """Count the zero-shot models that are more robust than one more standard model would be.

    The interval of their mean robustness has to be above the prediction limit. Models to which a
    line is extrapolated are not counted.
    """
    models = models[models["training"] == "zero_shot"].dropna(subset=["mean_all"])
    counted = models[~models["extrapolated"]].sort_values(["mean_all", "name"])
    if counted.empty:
        return None
    limit = choice.spread["all"].limit
    above = counted["low_all"] > limit
    ends = {"lowest": counted.iloc[0], "highest": counted.iloc[-1]}
    return Claim(
        key="published",
        chart="published",
        text="Zero-shot CLIP models are more robust than standard models on the real datasets.",
        verdict="supported" if above.all() else "mixed" if above.any() else "not supported",
        findings=[
            f"{above.sum()} of {len(counted)} zero-shot models have an interval above "
            f"{format_number(limit)} points, the limit for one more standard model",
            *_not_counted(len(models) - len(counted)),
            *(
                f"{which}: {one['name']}, {one['text_all']} points ({_imagenet(one)})"
                for which, one in ends.items()
            ),
        ],
    )


def finetuning_reduces(models: pd.DataFrame, _choice: ChoiceCard, titles: Titles) -> Claim | None:
    """Count the finetuned models that are less robust than the model that they started from.

    The difference is taken on each resampled line, over the shifts that both were measured on.
    """
    models = models[models["training"].isin(["finetuned", "finetuned_12k"])].dropna(
        subset=["mean_change"]
    )
    counted = models[~models["extrapolated"]].sort_values("mean_change", kind="stable")
    if counted.empty:
        return None
    less, more = counted["high_change"] < 0, counted["low_change"] > 0
    findings = []
    for source, group in counted.groupby("source"):
        lowest, highest = group.iloc[0], group.iloc[-1]
        findings.append(
            f"{titles[str(source)]}: {less[group.index].sum()} of {len(group)} "
            f"models lose robustness, from {highest['text_change']} ({highest['name']}) to "
            f"{lowest['text_change']} points ({lowest['name']})"
        )
    return Claim(
        key="finetuning",
        chart="finetuning",
        text="Finetuning on ImageNet reduces the effective robustness of a zero-shot model.",
        verdict="supported" if less.all() else "not supported" if more.all() else "mixed",
        findings=[*findings, *_not_counted(len(models) - len(counted))],
    )


def order_of_trainings(models: pd.DataFrame, choice: ChoiceCard, _titles: Titles) -> Claim | None:
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
        group = f"{one.backbone}, {one.data}"
        pairs = zip(pairwise(compared.to_dict("records")), one.differences, strict=True)
        # Coloured by the first of both.
        between = [_difference_row(group, *pair, interval) for pair, interval in pairs]
        values = ", ".join(_value(model) for _, model in compared.iterrows())
        differences = ", ".join(f"{row['name']} {row['text']}" for row in between)
        cases.append((verdict, f"{group}: {values}; {differences}"))
        rows += between
    claim = judged_claim(
        "counterparts",
        "Zero-shot models are more robust than their finetuned versions, and these more than "
        "supervised models of the backbone (mean without ObjectNet; ‡ extrapolated).",
        cases,
        Dots(axis="difference in points", rows=rows, reference=(0, "no difference")),
    )
    return msgspec.structs.replace(claim, key="published-order") if claim else None


def _difference_row(
    group: str, before: dict[Any, Any], after: dict[Any, Any], interval: Interval
) -> dict[str, Any]:
    """Return the row of the claim's chart for the difference between a model and the next."""
    name = " − ".join(TRAININGS[one["training"]] for one in (before, after))
    text = format_interval(*interval) + mark(before["extrapolated"] or after["extrapolated"])
    return dot_row(name, before["training"], Estimate(*interval), text, group=group)


def _value(model: pd.Series) -> str:
    note = f" ({model['note']})" if model["note"] else ""
    return (
        f"{TRAININGS[model['training']]}{note} {model['text_without_objectnet']}"
        f"{model['mark_all']} points ({_imagenet(model)})"
    )


def _imagenet(model: pd.Series) -> str:
    return f"ImageNet {format_number(model['imagenet'])} %"


def _not_counted(models: int) -> list[str]:
    text = f"{models} more are not counted, since they lie outside the line’s range"
    return [text] if models else []
