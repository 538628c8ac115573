"""What published accuracies of real models show, in words computed from the numbers."""

from page.claims import Claim, Verdict, judge_order, judged_claim, keyed, said_accuracies
from page.names import BASELINES, TRAININGS, format_interval, format_number
from page.results import PublishedResults
from page.robustness_tables import line_spans, mark


def published_claims(published: PublishedResults) -> list[Claim]:
    """Return every claim that the published models allow to judge."""
    return keyed(
        {
            "published": published_robustness(published),
            "published-order": published_order(published),
        }
    )


def published_robustness(published: PublishedResults) -> Claim | None:
    """Count the published CLIP models whose interval of mean robustness is above zero.

    Models to which the line is extrapolated are not counted.
    """
    models = {name: model for name, model in published.encoders.items() if not model.extrapolated}
    if not models:
        return None
    left_out = len(published.encoders) - len(models)
    above = sum(model.low > 0 for model in models.values())
    lowest = min(models, key=lambda name: models[name].mean)
    highest = max(models, key=lambda name: models[name].mean)
    return Claim(
        chart="published",
        text="Published zero-shot CLIP models are effectively robust on the real datasets.",
        verdict="shown" if above == len(models) else "mixed" if above else "not shown",
        findings=[
            f"{above} of {len(models)} models have a mean effective robustness whose interval "
            "is above zero",
            *(
                [
                    f"{left_out} more are not counted, since the line is extrapolated to them: its "
                    f"standard models span {line_spans(published.lines)}"
                ]
                if left_out
                else []
            ),
            *(
                f"{name}: {format_number(models[name].mean)} points "
                f"({said_accuracies(models[name].imagenet, models[name].shifts)})"
                for name in dict.fromkeys((lowest, highest))
            ),
        ],
    )


def published_order(published: PublishedResults) -> Claim | None:
    """Compare published zero-shot, finetuned and supervised models of one backbone.

    Use each baseline whose line is extrapolated to none of the models compared. If a backbone has
    several supervised models, the most robust one counts.
    """
    cases: list[tuple[Verdict, str]] = []
    for backbone, models in published.counterparts.items():
        for data in sorted({m.data for m in models.values() if m.training == "zero_shot"}):
            verdicts, texts = set(), []
            for baseline, whose in BASELINES.items():
                values, notes, raw = {}, {}, {}
                for kind in TRAININGS:
                    found = [
                        (getattr(m, baseline), m.note, said_accuracies(m.imagenet, m.shifts))
                        for m in models.values()
                        if m.training == kind and (kind == "supervised" or m.data == data)
                    ]
                    if found:
                        best = max(found, key=lambda one: one[0].mean)
                        values[kind], notes[kind], raw[kind] = best
                if not any(r.extrapolated for r in values.values()):
                    verdicts.add(judge_order([(r.low, r.mean, r.high) for r in values.values()]))
                numbers = ", ".join(
                    f"{TRAININGS[kind]}{f' ({notes[kind]})' if notes[kind] else ''} "
                    f"{format_interval(r.mean, r.low, r.high)}{mark(bool(r.extrapolated))} points"
                    # Once, not on each line again.
                    f"{'' if raw[kind] in ''.join(texts) else f' ({raw[kind]})'}"
                    for kind, r in values.items()
                )
                texts.append(f"{numbers} on the line of {whose}")
            verdict: Verdict = "mixed" if len(verdicts) > 1 else next(iter(verdicts), "undecided")
            cases.append((verdict, f"{backbone}, {data}: {'; '.join(texts)}"))
    return judged_claim(
        "published",
        "Published zero-shot models are more robust than their finetuned versions, and these more "
        "than supervised models of the backbone (mean over four shifts; ‡ extrapolated).",
        cases,
    )
