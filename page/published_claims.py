"""What published accuracies of real models show, under every choice of the line."""

from collections.abc import Callable, Sequence

import msgspec

from interpreting_clip.measures.intervals import Estimate
from page.counterpart_chart import COUNTERPART_CHART
from page.names import format_interval, format_number, mark
from page.published_results import DEFAULT, TRAININGS, Model, Published
from page.verdicts import SEEN, Claim, Verdict, judge_order, judged_claim

FINETUNED = ("finetuned", "finetuned_12k")
"""The kinds of training that change all weights of a zero-shot model."""


class PublishedClaim(Claim, frozen=True, kw_only=True):
    """A claim on the default line; `elsewhere` has the lines under which its verdict is another."""

    elsewhere: list[str]


def published_claims(published: Published) -> list[PublishedClaim]:
    """Return every claim that the published models allow to judge, on the default line.

    Each says under which other lines its verdict changes.
    """
    claims = {
        "published": zero_shot_robust,
        "finetuning": finetuning_reduces,
        "published-order": order_of_trainings,
    }
    return [
        msgspec.structs.replace(claim, key=key)
        for key, judge in claims.items()
        if (claim := under_every_choice(judge, published))
    ]


def under_every_choice(
    judge: Callable[[Published, str], Claim | None], published: Published
) -> PublishedClaim | None:
    """Judge a claim on the default line, and name the lines that change its verdict."""
    default = judge(published, DEFAULT)
    if default is None:
        return None
    elsewhere = [
        f"{SEEN[claim.verdict]} under “{choice.label}”"
        for key, choice in published.ordered_choices.items()
        if (claim := judge(published, key)) and claim.verdict != default.verdict
    ]
    return PublishedClaim(
        chart=default.chart,
        text=default.text,
        verdict=default.verdict,
        findings=default.findings,
        elsewhere=elsewhere,
    )


def zero_shot_robust(published: Published, choice: str) -> Claim | None:
    """Count the zero-shot models whose interval of mean robustness is above zero.

    Models to which a line is extrapolated are not counted.
    """
    every = [m for m in published.models if m.training == "zero_shot" and m.mean("all", choice)]
    counted = [
        (m, mean)
        for m in every
        if not m.is_extrapolated(choice) and (mean := m.mean("all", choice))
    ]
    if not counted:
        return None
    above = sum(low > 0 for _, (_, low, _) in counted)
    left_out = len(every) - len(counted)
    ordered = sorted(counted, key=lambda one: (one[1][0], one[0].name))
    return Claim(
        chart="published",
        text="Zero-shot CLIP models are effectively robust on the real datasets.",
        verdict="shown" if above == len(counted) else "mixed" if above else "not shown",
        findings=[
            f"{above} of {len(counted)} models have a mean effective robustness whose interval is "
            "above zero",
            *(
                [f"{left_out} more are not counted, since a line is extrapolated to them"]
                if left_out
                else []
            ),
            *(
                f"{which} {m.name}, {format_interval(*mean)} points "
                f"(ImageNet {format_number(m.accuracy['imagenet'])} %)"
                for which, (m, mean) in (("lowest:", ordered[0]), ("highest:", ordered[-1]))
            ),
        ],
    )


def finetuning_reduces(published: Published, choice: str) -> Claim | None:
    """Count the finetuned models that are less robust than the model that they started from.

    The difference is taken on each resampled line, over the shifts that both were measured on.
    """
    cases: dict[str, list[tuple[Model, tuple[float, float, float]]]] = {}
    beyond = 0
    for m in published.models:
        under = m.robustness.get(choice)
        if m.training not in FINETUNED or under is None or under.change is None:
            continue
        if under.extrapolated:
            beyond += 1
            continue
        cases.setdefault(m.source, []).append((m, under.change))
    counted = [change for found in cases.values() for _, change in found]
    if not counted:
        return None
    less, more = sum(high < 0 for *_, high in counted), sum(low > 0 for _, low, _ in counted)
    verdict: Verdict = "mixed"
    if less == len(counted) or more == len(counted):
        verdict = "shown" if less else "not shown"
    findings = []
    for source, found in cases.items():
        lowest, highest = (pick(found, key=lambda one: one[1][0]) for pick in (min, max))
        findings.append(
            f"{published.sources[source].title}: {sum(c[2] < 0 for _, c in found)} of {len(found)} "
            f"models lose robustness, from {format_interval(*highest[1])} ({highest[0].name}) to "
            f"{format_interval(*lowest[1])} points ({lowest[0].name})"
        )
    if beyond:
        findings.append(f"{beyond} more are not counted, since a line is extrapolated to them")
    return Claim(
        chart="finetuning",
        text="Finetuning on ImageNet reduces the effective robustness of a zero-shot model.",
        verdict=verdict,
        findings=findings,
    )


def order_of_trainings(published: Published, choice: str) -> Claim | None:
    """Compare zero-shot, finetuned and supervised models of one backbone, without ObjectNet.

    If a backbone has several models of a kind, the most robust one counts. A case is undecided if a
    line is extrapolated to one of the models.
    """
    kinds = ("zero_shot", "finetuned", "supervised")
    backbones: dict[str, list[Model]] = {}
    for m in published.models:
        if m.counterpart_of and m.mean("without_objectnet", choice):
            backbones.setdefault(m.counterpart_of, []).append(m)
    cases: list[tuple[Verdict, str]] = []
    for backbone, models in sorted(backbones.items()):
        for data in sorted({m.data for m in models if m.training == "zero_shot"}):
            best = {
                kind: max(found, key=lambda m: m.mean("without_objectnet", choice) or (0, 0, 0))
                for kind in kinds
                if (
                    found := [
                        m
                        for m in models
                        if m.training == kind and (kind == "supervised" or m.data == data)
                    ]
                )
            }
            if len(best) < 2:
                continue
            cases.append(
                (_order(list(best.values()), choice), _values(backbone, data, best, choice))
            )
    return judged_claim(
        COUNTERPART_CHART.name,
        "Zero-shot models are more robust than their finetuned versions, and these more than "
        "supervised models of the backbone (mean without ObjectNet; ‡ extrapolated).",
        cases,
    )


def _order(models: Sequence[Model], choice: str) -> Verdict:
    if any(m.is_extrapolated(choice) for m in models):
        return "undecided"
    means = [m.mean("without_objectnet", choice) for m in models]
    return judge_order([Estimate(*one) for one in means if one])


def _values(backbone: str, data: str, best: dict[str, Model], choice: str) -> str:
    values = ", ".join(
        f"{TRAININGS[kind]}{f' ({m.note})' if m.note else ''} "
        f"{format_interval(*mean)}{mark(m.is_extrapolated(choice))} points "
        f"(ImageNet {format_number(m.accuracy['imagenet'])} %)"
        for kind, m in best.items()
        if (mean := m.mean("without_objectnet", choice))
    )
    return f"{backbone}, {data}: {values}"
