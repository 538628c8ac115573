"""Made-up published models: on lines in logits, some points above, under two choices."""

from copy import deepcopy
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.published.line_choices import MEANS, SHIFT_KINDS
from interpreting_clip.published.schema import LINE_COLUMNS, Findings, PublishedModels
from page.names import TESTBED_SHIFTS
from tests.unit.page.made_results import LINES, SHIFTS, beta

TEXTS = ("architecture", "data", "image_size", "counterpart_of", "start", "note")


def card(name: str, training: str, imagenet: float, above: float, **more: Any) -> dict[str, Any]:
    """Make a model some points above every line; a finetuned or supervised one lacks ObjectNet."""
    shifts = [s for s in SHIFTS if s != "objectnet" or training in ("zero_shot", "soup")]
    means = {
        key: [above, above - 0.5, above + 0.5] if set(over) <= set(shifts) else None
        for key, over in MEANS.items()
    }
    under = {"shifts": dict.fromkeys(shifts, above), "means": means}
    under |= {"extrapolated": shifts if imagenet < 35 else [], "change": more.pop("change", None)}
    return {
        **dict.fromkeys(TEXTS, ""),
        **{"name": name, "source": "zoo", "training": training},
        **{"aliases": [], "also": [], "recipe": {}},
        "accuracy": {"imagenet": imagenet, **{s: beta(s, imagenet) + above for s in shifts}},
        "robustness": {"default": under, "linear": deepcopy(under)},
        **more,
    }


def made(*cards: dict[str, Any]) -> PublishedModels:
    """Return published models with these cards."""
    choice = {"text": "", "shifts": SHIFTS, "standard": "testbed", "second": None}
    choice |= dict.fromkeys(("transform", "method", "abscissa"), "")
    choice |= {"models": 3, "families": 3, "compared": 2, "rank_correlation": [0.9, 0.8, 1.0]}
    leaders = [c["name"] for c in cards if c["training"] == "zero_shot"][:1]
    source = dict.fromkeys(("path", "measured", "note", "licence"), "")
    source |= {"title": "A zoo", "url": "https://example.org/zoo", "commit": "abc", "sets": []}
    whole = {
        "confidence": 0.9,
        "shifts": {s: {"label": TESTBED_SHIFTS[s], "kind": SHIFT_KINDS[s]} for s in SHIFTS},
        "trainings": {},
        "sources": {"zoo": source},
        "choices": {
            "default": choice | {"label": "logit", "leaders": leaders},
            "linear": choice | {"label": "linear", "leaders": []},
        },
        "models": cards,
    }
    return msgspec.convert(whole, PublishedModels)


def made_lines() -> pd.DataFrame:
    """Return the lines of both choices."""
    known = {"left_out": "", "r_squared": 0.9, "models": 3, "families": 3}
    known |= {"lowest_imagenet": 35.0, "highest_imagenet": 98.0}
    lines = [
        known | {"choice": key, "shift": s, "slope": slope, "intercept": line.intercept}
        for s, line in LINES.items()
        for key, slope in (("default", line.slope), ("linear", 1.0))
    ]
    return pd.DataFrame(lines, columns=pd.Index(LINE_COLUMNS))


def regressions(**terms: float) -> list[dict[str, Any]]:
    told = [
        {"name": name.replace("_", " "), "unit": "", "values": [0, 1]}
        | {"estimate": [value, value - 1, value + 1]}
        for name, value in terms.items()
    ]
    known = {"models": 9, "r_squared": 0.5, "largest_correlation": 0.1, "terms": told}
    return [{"outcome": outcome, **known} for outcome in ("all", "natural", "style")]


def made_findings() -> Findings:
    """Return findings: a learning rate ten times as high costs 4 points, samples add 3."""
    finetuning = regressions(learning_rate=-4.0, epochs=-2.0, augmentation=-3.0)
    scaling = regressions(samples_seen=3.0, compute_per_sample=0.5, LAION=-3.0)
    return msgspec.convert(
        {
            "confidence": 0.95,
            "finetuning": {
                "start": {"all": 26.6},
                **{"models": 72, "lowest": 3.1, "median": 11.8, "highest": 16.1},
                **{"learning_rate": [-0.75, -0.8, -0.6], "regressions": finetuning},
                **{"with_recipe": 9, "linear_correlation": -0.8},
            },
            "soups": [
                {"name": "B/greedy_soup", "imagenet": 81.0, "robustness": {"all": 10.9}}
                | {"ingredients": 72, "less_accurate": 72, "less_robust": 27, "less_in_both": 27}
            ],
            "scaling": {"models": 26, "left_out": ["x"], "regressions": scaling},
        },
        Findings,
    )
