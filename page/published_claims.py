"""What published accuracies of real models show, under every choice of the line."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import COMPARED, ChoiceCard, PublishedModels
from page.published_results import PUBLISHED_TRAININGS
from page.verdicts import NO_DIFFERENCE, Case, Claim, judge_differences, overall, supported

Titles = Mapping[str, str]
"""The titles of the sources."""


def published_claims(published: PublishedModels, tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    """Return every claim that the published models can decide, on the default line.

    `elsewhere` lists the other lines with another verdict. `tables` has the models by choice.
    """
    titles = {key: source.title for key, source in published.sources.items()}
    claims = []
    for judge in (zero_shot_robust, finetuning_reduces, order_of_trainings):
        judged = {
            published.choices[key].label: judge(table, published.choices[key], titles)
            for key, table in tables.items()
        }
        default = judged[published.choices[DEFAULT].label]
        if default.cases:
            elsewhere = [
                f"{claim.verdict} under “{label}”"
                for label, claim in judged.items()
                if claim.cases and claim.verdict != default.verdict
            ]
            claims.append(msgspec.structs.replace(default, elsewhere=tuple(elsewhere)))
    return claims


def zero_shot_robust(models: pd.DataFrame, choice: ChoiceCard, _titles: Titles) -> Claim:
    """Count the zero-shot models that are more robust than one more standard model would be.

    The interval of their mean robustness has to be above the prediction limit. Models to which a
    line is extrapolated are not counted.
    """
    models = models[models["training"] == "zero_shot"].dropna(subset=["mean_all"])
    counted = models[~models["extrapolated"]].sort_values(["mean_all", "name"])
    limit = choice.spread["all"].limit
    above = counted["low_all"] > limit
    cases = [
        Case(
            name=f"{which}: {model['name']}",
            training="zero_shot",
            number=Estimate(model["mean_all"], model["low_all"], model["high_all"]),
            null=(-limit, limit),
            chance=f"up to {format_number(limit)}",
        )
        for which, model in _lowest_and_highest(counted)
    ]
    return Claim(
        key="published",
        chart="published",
        text="Zero-shot CLIP models are more robust than standard models on the real datasets.",
        verdict="supported" if above.all() else "mixed" if above.any() else "contradicted",
        reason=f"{above.sum()} of {len(counted)} zero-shot models have an interval above "
        f"{format_number(limit)} points, the limit for one more standard model"
        f"{_not_counted(models, counted)}.",
        cases=cases,
        axis="mean effective robustness (points); grey: one more standard model",
    )


def finetuning_reduces(models: pd.DataFrame, _choice: ChoiceCard, titles: Titles) -> Claim:
    """Count the finetuned models that are less robust than the model that they started from.

    The difference is taken on each resampled line, over the shifts that both were measured on.
    """
    models = models[models["training"].isin(["finetuned", "finetuned_12k"])].dropna(
        subset=["mean_change"]
    )
    counted = models[~models["extrapolated"]].sort_values("mean_change", kind="stable")
    less, more = counted["high_change"] < 0, counted["low_change"] > 0
    cases = [
        Case(
            group=titles[str(source)],
            name=f"{which}: {model['name']}",
            training="finetuned",
            number=Estimate(model["mean_change"], model["low_change"], model["high_change"]),
        )
        for source, group in counted.groupby("source")
        for which, model in _lowest_and_highest(group)
    ]
    return Claim(
        key="finetuning",
        chart="finetuning",
        text="Finetuning on ImageNet reduces the effective robustness of a zero-shot model.",
        verdict="supported" if less.all() else "contradicted" if more.all() else "mixed",
        reason=f"{less.sum()} of {len(counted)} finetuned models have an interval of the change "
        f"below zero{_not_counted(models, counted)}.",
        cases=cases,
        axis="change of mean effective robustness (points)",
        reference=NO_DIFFERENCE,
    )


def order_of_trainings(models: pd.DataFrame, choice: ChoiceCard, _titles: Titles) -> Claim:
    """Compare zero-shot, finetuned and supervised models of one backbone, without ObjectNet.

    The intervals of the differences decide. A case is undecided if a line is extrapolated to one of
    the models, and cannot be supported without a model of each kind.
    """
    by_name = models.set_index("name", drop=False)
    cases = []
    for comparison in choice.comparisons:
        compared = by_name.loc[comparison.models]
        differences = [Estimate(*interval) for interval in comparison.differences]
        verdict = judge_differences(differences)
        lacks_a_kind = len(comparison.models) < len(COMPARED)
        if compared["extrapolated"].any() or (verdict == "supported" and lacks_a_kind):
            verdict = "undecided"
        pairs = zip(pairwise(compared.to_dict("records")), differences, strict=True)
        cases += [
            Case(
                group=f"{comparison.backbone}, {comparison.data}",
                name=" − ".join(map(_training, pair)),
                training=pair[0]["training"],  # coloured by the first of both
                number=difference,
                extrapolated=any(model["extrapolated"] for model in pair),
                verdict=verdict,
            )
            for pair, difference in pairs
        ]
    return Claim(
        key="published-order",
        chart="counterparts",
        text="Zero-shot models are more robust than their finetuned versions, and these more than "
        "supervised models of the backbone (mean without ObjectNet; ‡ extrapolated).",
        verdict=overall(cases),
        reason=f"In {supported(cases, 'backbones')}, the interval of every difference is above "
        "zero, on a line that is not extrapolated.",
        cases=cases,
        axis="difference in points",
        reference=NO_DIFFERENCE,
    )


def _lowest_and_highest(models: pd.DataFrame) -> list[tuple[str, dict[Any, Any]]]:
    """Return the first and the last of sorted models; nothing if there are none."""
    ends = models.iloc[[0, -1]] if len(models) else models
    return list(zip(("lowest", "highest"), ends.to_dict("records"), strict=False))


def _training(model: Mapping[Any, Any]) -> str:
    """Return a model's training, with the note on other differences."""
    note = f" ({model['note']})" if model["note"] else ""
    return f"{PUBLISHED_TRAININGS[model['training']]}{note}"


def _not_counted(models: pd.DataFrame, counted: pd.DataFrame) -> str:
    outside = len(models) - len(counted)
    return f"; {outside} more lie outside the line’s range" if outside else ""
