"""What the published models say, in a few sentences for each chart and each line."""

import pandas as pd

from interpreting_clip.published.schema import (
    ChoiceCard,
    Contrast,
    Findings,
    Group,
    Interval,
    Regression,
    Spread,
)
from page.names import format_interval, format_number
from page.published_tables import soup_name

MEANS = {
    "all": "in the mean of all shifts",
    "natural": "on natural shifts",
    "style": "on style shifts",
}
"""The means over shifts that are explained."""

ACCURATE = 80
"""The accuracy on ImageNet, in percent, above which standard models leave their line."""

GROUP_NAMES = {"zero_shot": "zero-shot models", "finetuned": "finetuned models and soups"}
"""The groups within which models are put in order."""


def spread_sentence(spread: dict[str, Spread], confidence: float) -> str:
    """Say how far standard models lie from their line, which no interval of a line covers."""
    every = spread["all"]
    natural, style = (format_number(spread[kind].limit) for kind in ("natural", "style"))
    return (
        f"Standard models scatter around their line, too: the {every.models} with all shifts "
        f"({every.families} families) have a standard deviation of "
        f"{format_number(every.deviation)} points, lie at most {format_number(every.largest)} off, "
        f"and the intervals of {every.off_the_line} exclude zero. If they scattered alike at every "
        f"accuracy, {100 * confidence:g} % of further ones would lie within "
        f"±{format_number(every.limit)} points over all shifts, ±{natural} on natural and ±{style} "
        "on style shifts."
    )


def limit_sentence(models: pd.DataFrame, spread: dict[str, Spread]) -> str:
    """Say how many of timm's supervised models, which no default line was fitted to, it holds.

    `models` is the table of models on the default's lines.
    """
    limit = spread["without_objectnet"].limit
    others = models[(models["training"] == "supervised") & ~models["extrapolated"]]
    others = others.dropna(subset=["mean_without_objectnet"])
    inside = others["mean_without_objectnet"].abs() <= limit
    every, accurate = (
        format_number(100 * share, 0)
        for share in (inside.mean(), inside[others["imagenet"] > ACCURATE].mean())
    )
    return (
        "They do not: on the default line, the most accurate ones lie above that of ImageNet-A, "
        f"and models of one family are alike. Of {len(others)} other supervised models within the "
        f"line’s range (timm’s, without ObjectNet), {every} % lie within ±{format_number(limit)} "
        f"points, but of those above {ACCURATE} % on ImageNet only {accurate} %. So the limit says "
        "little there."
    )


def order_sentences(choice: ChoiceCard, default: ChoiceCard) -> list[str]:
    """Say how the order of models on the lines of a choice compares with that on the default's."""
    sentences = []
    if choice.order.gap:
        medians = (f"{format_number(group.median)} ({name})" for name, group in _named(choice))
        sentences.append(f"Medians: {', '.join(medians)}, {_points(choice.order.gap)} apart.")
    if choice is default:
        return sentences
    within = [
        _agreement(name, group, group.rank_correlation)
        for name, group in _named(choice)
        if group.rank_correlation
    ]
    return [
        f"Rank correlation with the default: {'; '.join(within)}. Of the first ten, "
        f"{choice.order.first} remain.",
        *sentences,
    ]


def _agreement(name: str, group: Group, correlation: Interval) -> str:
    starts = f" of {group.starts} starts" if group.starts < group.models else ""
    text = f"{format_interval(*correlation, 2)} within {group.models} {name}{starts}"
    if group.in_range_correlation is None:
        return text
    within = format_number(group.in_range_correlation, 2)
    return f"{text} ({within} over the {group.in_range} within the default line’s range)"


def _named(choice: ChoiceCard) -> list[tuple[str, Group]]:
    return [
        (name, choice.order.groups[key])
        for key, name in GROUP_NAMES.items()
        if key in choice.order.groups
    ]


def finetuning_sentences(findings: Findings) -> list[str]:
    """Say what finetuning leaves, and what each part of its recipe costs or adds."""
    found = findings.finetuning
    by_mean = {one.outcome: _estimates(one) for one in found.regressions}
    change = by_mean["all"]
    rate = "learning rate"
    kinds = [f"{MEANS[key]} it {_changes(by_mean[key][rate])}" for key in ("natural", "style")]
    return [
        f"OpenAI’s ViT-B/32 has {format_number(found.start['all'])} points before finetuning. "
        f"A linear probe on it has {format_number(found.probe)}, and {found.models} versions "
        f"finetuned from that probe have {format_number(found.lowest)} to "
        f"{format_number(found.highest)} (median {format_number(found.median)}).",
        f"In a regression over the {found.distinct} of them that differ "
        f"(R² {format_number(found.regressions[0].r_squared, 2)}), a learning rate ten times as "
        f"high {_changes(change[rate])} ({', '.join(kinds)}), each further epoch "
        f"{_changes(change['epochs'], 2)}, and training with RandAugment "
        f"{_changes(change['augmentation'])}.",
        _further_terms(by_mean),
    ]


def _further_terms(by_mean: dict[str, dict[str, Interval]]) -> str:
    """Say of which terms no effect shows in any mean, and what the others do, and where."""
    effects = {
        name: _effects(name, by_mean) for name in ("weight decay", "mixup", "label smoothing")
    }
    silent = [name for name, shown in effects.items() if not shown]
    parts = [f"{' and '.join(silent)} {'show' if silent[1:] else 'shows'} no effect"] * bool(silent)
    parts += [f"{name} {' and '.join(shown)}" for name, shown in effects.items() if shown]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _effects(name: str, by_mean: dict[str, dict[str, Interval]]) -> list[str]:
    """Return what a term does in each mean in which its interval excludes zero."""
    return [
        f"{_changes(by_mean[key][name])} {where}"
        for key, where in MEANS.items()
        if not by_mean[key][name][1] <= 0 <= by_mean[key][name][2]
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
    """Say what ten times the samples, ten times the compute and other data change."""
    found = findings.scaling
    steps = {
        (one.variable, one.first, one.second): one
        for one in found.contrasts
        if one.outcome == "all"
    }
    early, late = steps["samples", "3B", "13B"], steps["samples", "13B", "34B"]
    slower = sum(late.changes[series] < early.changes[series] for series in early.changes)
    sizes = [one for one in steps.values() if one.variable == "architecture"]
    data = [one for one in steps.values() if one.variable == "data"]
    left = len(found.left_out)
    said = f" ({left} outside the line’s range are left out)" if left else ""
    return [
        f"Among {found.models} CLIPs trained on LAION{said} we compare pairs that differ in one of "
        "samples, architecture and data; some also differ in learning rate and batch size. "
        f"From 3 to 13 billion samples, ten times as many add {_contrast(early)}; "
        f"from 13 to 34 billion, {_contrast(late)}, less in {slower} of {len(early.changes)} "
        "series of one architecture and data set.",
        "From one architecture to the next, ten times the compute adds: "
        f"{'; '.join(f'{one.first} to {one.second} {_contrast(one)}' for one in sizes)}.",
        "In place of LAION-400M, with the same architecture and samples: "
        f"{'; '.join(f'{one.second} {_contrast(one)}' for one in data)}.",
    ]


def _contrast(contrast: Contrast) -> str:
    """Return a mean change with its interval, if any, and the range over pairs."""
    changes = contrast.changes.values()
    lowest, highest = format_number(min(changes)), format_number(max(changes))
    if len(changes) == 1:
        return f"{lowest} points (one pair)"
    over = f"{lowest} to {highest} over {len(changes)} pairs"
    if contrast.interval:
        architectures = len({pair.partition(", ")[0] for pair in contrast.changes})
        return f"{_points(contrast.interval)} ({over}; interval over {architectures} architectures)"
    return f"{format_number(contrast.mean)} points ({over})"


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
        return f"shows no effect ({_points(estimate, digits)})"
    least, most = sorted((abs(low), abs(high)))
    size = format_interval(abs(value), least, most, digits)
    return f"{'adds' if value > 0 else 'costs'} {size} points"
