"""What the published models say, in two sentences for each chart."""

from collections.abc import Sequence
from statistics import median

from interpreting_clip.published.findings import Findings, Regression
from page.names import format_interval, format_number
from page.published_results import Interval, Published, coefficient
from page.published_tables import is_listed, soup_name


def finetuning_sentences(findings: Findings) -> list[str]:
    """Say what finetuning leaves, and what a learning rate ten times as high costs."""
    found = findings.finetuning
    over_all = _of(found.regressions, "all")
    rate, epochs, augmentation = (
        coefficient(over_all, name) for name in ("learning rate", "epochs", "augmentation")
    )
    natural, style = (
        coefficient(_of(found.regressions, name), "learning rate") for name in ("natural", "style")
    )
    return [
        f"OpenAI’s ViT-B/32 has {format_number(found.start['all'])} points before finetuning; "
        f"after it, {found.models} versions, among them the linear probe that the others started "
        f"from, have {format_number(found.lowest)} to "
        f"{format_number(found.highest)} (median {format_number(found.median)}).",
        f"In a regression over the {over_all.models} versions with a known recipe "
        f"(R² {format_number(over_all.r_squared, 2)}), a learning rate ten times as high "
        f"{_changes(rate)} (on natural shifts it {_changes(natural)}, on style shifts it "
        f"{_changes(style)}), each further epoch {_changes(epochs, 2)}, and a RandAugment setting "
        f"{_changes(augmentation)}.",
    ]


def soup_sentences(findings: Findings) -> list[str]:
    """Say how each soup compares with its ingredients."""
    sentences = []
    for soup in findings.soups:
        start = findings.finetuning.start["all"]
        whole = soup.less_accurate == soup.ingredients
        beaten = "all" if whole else f"{soup.less_accurate} of"
        sentences.append(
            f"The {soup_name(soup.name)} ({format_number(soup.imagenet)} % on ImageNet, "
            f"{format_number(soup.robustness['all'])} points) is more accurate on ImageNet than "
            f"{beaten} its {soup.ingredients} ingredients and more robust than "
            f"{soup.less_robust}; the zero-shot start has {format_number(start)} points."
        )
    return sentences


def scaling_sentences(findings: Findings) -> list[str]:
    """Say what ten times the samples, ten times the compute per sample and other data change."""
    found = _of(findings.scaling.regressions, "all")
    samples, compute = coefficient(found, "samples seen"), coefficient(found, "compute per sample")
    data = ", ".join(
        f"{term.name} {_points(term.estimate)}"
        for term in found.terms
        if term.name not in ("samples seen", "compute per sample")
    )
    left = len(findings.scaling.left_out)
    said = f" ({left} to which the line is extrapolated are left out)" if left else ""
    return [
        f"In a regression over {found.models} CLIPs{said}, ten times as many samples seen "
        f"{_changes(samples)}, and ten times the compute per sample {_changes(compute)}.",
        f"Against LAION-400M at equal samples and compute: {data} "
        f"(R² {format_number(found.r_squared, 2)}).",
    ]


def kind_sentences(published: Published) -> list[str]:
    """Say how far zero-shot and finetuned models stand apart on both kinds of shifts."""
    medians: dict[str, tuple[float, float, int]] = {}
    for kind in ("zero_shot", "finetuned"):
        pairs = [
            (natural[0], style[0])
            for m in published.models
            if is_listed(m)
            and m.training == kind
            and (natural := m.mean("natural_without_objectnet"))
            and (style := m.mean("style"))
        ]
        if pairs:
            natural, style = (median(values) for values in zip(*pairs, strict=True))
            medians[kind] = natural, style, len(pairs)
    if len(medians) < 2:
        return []
    (natural, style, models), (tuned_natural, tuned_style, tuned) = medians.values()
    return [
        f"The median of {models} zero-shot models is {format_number(natural)} points on natural "
        f"shifts and {format_number(style)} on style shifts.",
        f"That of {tuned} finetuned models is {format_number(tuned_natural)} and "
        f"{format_number(tuned_style)}; these are different models, so the difference "
        "is not the cost of finetuning.",
    ]


def _of(regressions: Sequence[Regression], outcome: str) -> Regression:
    return next(one for one in regressions if one.outcome == outcome)


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
