"""What the published models say, in a few sentences for each chart and each line.

The sentences are in `templates/published/sentences.jinja`.
"""

from typing import Any

import pandas as pd

from interpreting_clip.published.schema import PublishedModels, Spread
from page.published_results import interval
from page.published_tables import soup_name
from page.rendering import template_environment

Findings = dict[str, Any]
"""The content of `plots/published.json`, which `published.findings` makes."""

MEANS = {
    "all": "in the mean of all shifts",
    "natural": "on natural shifts",
    "style": "on style shifts",
}
"""The means over shifts that are explained."""

ACCURATE = 80
"""The accuracy on ImageNet, in percent, above which standard models leave their line."""


def _say(name: str, *values: Any) -> list[str]:
    """Return the paragraphs of one of the templates' macros."""
    filters = {
        "interval": interval,
        "soup_name": soup_name,
        "architecture": lambda pair: pair.partition(", ")[0],
    }
    # Plain text, which the page escapes.
    environment = template_environment("published", filters).overlay(autoescape=False)
    text = getattr(environment.get_template("sentences.jinja").module, name)(*values)
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def line_sentences(published: PublishedModels) -> dict[str, dict[str, str]]:
    """Say for each line how far standard models lie from it."""
    return {
        key: {"spread_text": " ".join(_say("spread", choice.spread, published.confidence))}
        for key, choice in published.choices.items()
    }


def limit_sentence(models: pd.DataFrame, spread: dict[str, Spread]) -> str:
    """Say how many of timm's supervised models, which no default line was fitted to, it holds.

    `models` is the table of models on the default's lines.
    """
    others = models[(models["training"] == "supervised") & ~models["extrapolated"]]
    others = others.dropna(subset=["mean_without_objectnet"])
    inside = others["mean_without_objectnet"].abs() <= spread["without_objectnet"].limit
    accurate = inside[others["imagenet"] > ACCURATE]
    return " ".join(_say("limit", spread, inside, accurate, ACCURATE))


def finetuning_sentences(findings: Findings) -> list[str]:
    """Say what finetuning leaves, and what each part of its recipe costs or adds."""
    found = findings["finetuning"]
    terms = {
        one["outcome"]: {term["name"]: term["estimate"] for term in one["terms"]}
        for one in found["regressions"]
    }
    # Of the further terms, in which means their interval excludes zero.
    effects = {
        name: [
            (where, terms[mean][name])
            for mean, where in MEANS.items()
            if not terms[mean][name][1] <= 0 <= terms[mean][name][2]
        ]
        for name in ("weight decay", "mixup", "label smoothing")
    }
    return _say("finetuning", found, terms, effects)


def soup_sentences(findings: Findings) -> list[str]:
    """Say how each soup compares with its ingredients."""
    return _say("soups", findings["soups"], findings["finetuning"]["start"]["all"])


def scaling_sentences(findings: Findings) -> list[str]:
    """Say what ten times the samples, ten times the compute and other data change."""
    return _say("scaling", findings["scaling"])
