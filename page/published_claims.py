"""What published accuracies of real models show, under every choice of the line."""

from collections.abc import Callable, Mapping

import msgspec
import pandas as pd

from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import PublishedModels
from page.names import format_number
from page.published_results import TRAININGS
from page.verdicts import Claim, Verdict, judge_order, judged_claim

FINETUNED = ("finetuned", "finetuned_12k")
"""The kinds of training that change all weights of a zero-shot model."""


def published_claims(published: PublishedModels, tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    """Return every claim that the published models allow to judge, on the default line.

    Each says under which other lines its verdict changes. `tables` has the models by choice.
    """
    titles = {key: source.title for key, source in published.sources.items()}
    judges: dict[str, Callable[[pd.DataFrame], Claim | None]] = {
        "published": zero_shot_robust,
        "finetuning": lambda models: finetuning_reduces(models, titles),
        "published-order": order_of_trainings,
    }
    claims = []
    for key, judge in judges.items():
        judged = {choice: claim for choice in tables if (claim := judge(tables[choice]))}
        if default := judged.get(DEFAULT):
            elsewhere = [
                f"{claim.verdict} under “{published.choices[choice].label}”"
                for choice, claim in judged.items()
                if claim.verdict != default.verdict
            ]
            claims.append(msgspec.structs.replace(default, key=key, elsewhere=tuple(elsewhere)))
    return claims


def zero_shot_robust(models: pd.DataFrame) -> Claim | None:
    """Count the zero-shot models whose interval of mean robustness is above zero.

    Models to which a line is extrapolated are not counted.
    """
    models = models[models["training"] == "zero_shot"].dropna(subset=["mean_all"])
    counted = models[~models["extrapolated"]].sort_values(["mean_all", "name"])
    if counted.empty:
        return None
    above = int((counted["low_all"] > 0).sum())
    findings = [
        f"{above} of {len(counted)} models have a mean effective robustness whose interval is "
        "above zero",
        *_not_counted(len(models) - len(counted)),
    ]
    for which, place in (("lowest", 0), ("highest", -1)):
        one = counted.iloc[place]
        findings.append(f"{which}: {one['name']}, {one['text_all']} points ({_imagenet(one)})")
    return Claim(
        chart="published",
        text="Zero-shot CLIP models are effectively robust on the real datasets.",
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


def order_of_trainings(models: pd.DataFrame) -> Claim | None:
    """Compare zero-shot, finetuned and supervised models of one backbone, without ObjectNet.

    If a backbone has several models of a kind, the most robust one counts. A case is undecided if a
    line is extrapolated to one of the models.
    """
    kinds = ["zero_shot", "finetuned", "supervised"]
    models = models[(models["counterpart_of"] != "") & models["training"].isin(kinds)]
    models = models.sort_values("mean_without_objectnet", ascending=False, kind="stable")
    models = models.dropna(subset=["mean_without_objectnet"])
    cases: list[tuple[Verdict, str]] = []
    for backbone, group in models.groupby("counterpart_of"):
        supervised = group["training"] == "supervised"
        for data in sorted(group.loc[group["training"] == "zero_shot", "data"].unique()):
            best = group[supervised | (group["data"] == data)].drop_duplicates("training")
            best = best.sort_values("training", key=lambda one: one.map(kinds.index))
            if len(best) > 1:
                values = ", ".join(_value(one) for _, one in best.iterrows())
                cases.append((_order(best), f"{backbone}, {data}: {values}"))
    return judged_claim(
        "counterparts",
        "Zero-shot models are more robust than their finetuned versions, and these more than "
        "supervised models of the backbone (mean without ObjectNet; ‡ extrapolated).",
        cases,
    )


def _order(models: pd.DataFrame) -> Verdict:
    if models["extrapolated"].any():
        return "undecided"
    columns = [f"{end}_without_objectnet" for end in ("mean", "low", "high")]
    return judge_order([Estimate(*row) for row in models[columns].itertuples(index=False)])


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
    return [f"{models} more are not counted, since a line is extrapolated to them"]
