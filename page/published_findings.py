"""What the published models say, in two sentences for each chart."""

import pandas as pd

from interpreting_clip.published.schema import Findings, Interval, Regression
from page.names import format_interval, format_number
from page.published_tables import soup_name


def finetuning_sentences(findings: Findings) -> list[str]:
    """Say what finetuning leaves, and what a learning rate ten times as high costs."""
    found = findings.finetuning
    by_mean = {one.outcome: one for one in found.regressions}
    change, natural, style = (_estimates(by_mean[key]) for key in ("all", "natural", "style"))
    rate = "learning rate"
    return [
        f"OpenAI’s ViT-B/32 has {format_number(found.start['all'])} points before finetuning; "
        f"after it, {found.models} versions, among them the linear probe that the others started "
        f"from, have {format_number(found.lowest)} to "
        f"{format_number(found.highest)} (median {format_number(found.median)}).",
        f"In a regression over the {by_mean['all'].models} versions with a known recipe "
        f"(R² {format_number(by_mean['all'].r_squared, 2)}), a learning rate ten times as high "
        f"{_changes(change[rate])} (on natural shifts it {_changes(natural[rate])}, on style "
        f"shifts it {_changes(style[rate])}), each further epoch {_changes(change['epochs'], 2)}, "
        f"and a RandAugment setting {_changes(change['augmentation'])}.",
    ]


def soup_sentences(findings: Findings) -> list[str]:
    """Say how each soup compares with its ingredients."""
    start = format_number(findings.finetuning.start["all"])
    sentences = []
    for soup in findings.soups:
        whole = soup.less_accurate == soup.ingredients
        beaten = "all" if whole else f"{soup.less_accurate} of"
        sentences.append(
            f"The {soup_name(soup.name)} ({format_number(soup.imagenet)} % on ImageNet, "
            f"{format_number(soup.robustness['all'])} points) is more accurate on ImageNet than "
            f"{beaten} its {soup.ingredients} ingredients and more robust than "
            f"{soup.less_robust}; the zero-shot start has {start} points."
        )
    return sentences


def scaling_sentences(findings: Findings) -> list[str]:
    """Say what ten times the samples, ten times the compute per sample and other data change."""
    found = next(one for one in findings.scaling.regressions if one.outcome == "all")
    data = _estimates(found)
    samples, compute = data.pop("samples seen"), data.pop("compute per sample")
    left = len(findings.scaling.left_out)
    said = f" ({left} to which the line is extrapolated are left out)" if left else ""
    return [
        f"In a regression over {found.models} CLIPs{said}, ten times as many samples seen "
        f"{_changes(samples)}, and ten times the compute per sample {_changes(compute)}.",
        "Against LAION-400M at equal samples and compute: "
        f"{', '.join(f'{name} {_points(one)}' for name, one in data.items())} "
        f"(R² {format_number(found.r_squared, 2)}).",
    ]


def kind_sentences(kinds: pd.DataFrame) -> list[str]:
    """Say how far zero-shot and finetuned models stand apart on both kinds of shifts.

    `kinds` is the table of their chart.
    """
    by_training = kinds.groupby("training")
    models = by_training.size()
    medians = by_training[["natural", "style"]].median().to_dict("index")
    zero_shot, tuned = medians["zero-shot"], medians["finetuned"]
    return [
        f"The median of {models['zero-shot']} zero-shot models is "
        f"{format_number(zero_shot['natural'])} points on natural shifts and "
        f"{format_number(zero_shot['style'])} on style shifts.",
        f"That of {models['finetuned']} finetuned models is {format_number(tuned['natural'])} and "
        f"{format_number(tuned['style'])}; these are different models, so the difference "
        "is not the cost of finetuning.",
    ]


def _estimates(regression: Regression) -> dict[str, Interval]:
    return {term.name: term.estimate for term in regression.terms}


def _points(estimate: Interval, digits: int = 1) -> str:
    return f"{format_interval(*estimate, digits)} points"


def _changes(estimate: Interval, digits: int = 1) -> str:
    """Say what a coefficient does; without a direction if its interval holds 0."""
    value, low, high = estimate
    if low <= 0 <= high:
        return f"has no effect that shows ({_points(estimate, digits)})"
    least, most = sorted((abs(low), abs(high)))
    size = format_interval(abs(value), least, most, digits)
    return f"{'adds' if value > 0 else 'costs'} {size} points"
