"""Made-up published models: on lines in logits, some points above, under two choices."""

import base64
from copy import deepcopy
from typing import Any

import msgspec
import numpy as np

from interpreting_clip.published.findings import Findings
from page.names import TESTBED_SHIFTS
from page.published_results import Draws, Line, Published
from tests.unit.page.conftest import model
from tests.unit.page.made_results import LINES, SHIFTS, beta

NATURAL, STYLE = ("imagenet_v2", "objectnet", "imagenet_a"), ("imagenet_r", "imagenet_sketch")
MEANS = {
    "all": SHIFTS,
    "without_objectnet": tuple(s for s in SHIFTS if s != "objectnet"),
    "natural": NATURAL,
    "natural_without_objectnet": ("imagenet_v2", "imagenet_a"),
    "style": STYLE,
}
DRAWS = 40


def card(name: str, training: str, imagenet: float, above: float, **more: Any) -> dict[str, Any]:
    """Make a model some points above every line; a finetuned or supervised one lacks ObjectNet."""
    shifts = [s for s in SHIFTS if s != "objectnet" or training in ("zero_shot", "soup")]
    means = {
        key: [above, above - 0.5, above + 0.5] if set(over) <= set(shifts) else None
        for key, over in MEANS.items()
    }
    under = {
        "shifts": dict.fromkeys(shifts, above),
        "means": means,
        "extrapolated": shifts if imagenet < 35 else [],
        "change": more.pop("change", None),
    }
    return {
        **{"name": name, "source": "zoo", "training": training, "architecture": "A", "data": "D"},
        **{"image_size": "", "counterpart_of": "", "aliases": [], "also": [], "recipe": {}},
        **{"start": "", "note": ""},
        "accuracy": {"imagenet": imagenet, **{s: beta(s, imagenet) + above for s in shifts}},
        "robustness": {"default": under, "linear": deepcopy(under)},
        **more,
    }


def choice(label: str, transform: str, correlation: list[float] | None) -> dict[str, Any]:
    return {
        **{"label": label, "text": f"The line {label}.", "shifts": list(SHIFTS)},
        **{"standard": "testbed", "transform": transform, "second": None},
        **{"method": "least_squares", "abscissa": "all_classes"},
        **{"models": 3, "families": 3, "compared": 2},
        **{"rank_correlation": correlation, "leaders": []},
    }


def made(*cards: dict[str, Any], **more: Any) -> Published:
    """Return published models with these cards."""
    source = {"title": "A zoo", "url": "https://example.org/zoo", "commit": "abc", "note": "N"}
    source |= {"path": "p", "sets": ["imagenet"], "measured": "M"}
    whole = {
        "confidence": 0.9,
        "shifts": {
            s: {"label": TESTBED_SHIFTS[s], "kind": "natural" if s in NATURAL else "style"}
            for s in SHIFTS
        },
        "trainings": {"zero_shot": "0", "finetuned": "1", "supervised": "2", "soup": "3"},
        "sources": {"zoo": source | {"licence": "MIT"}},
        "choices": {
            "linear": choice("linear", "linear", [0.9, 0.8, 1.0]),
            "default": choice("logit", "logit", None)
            | {"leaders": [c["name"] for c in cards if c["training"] == "zero_shot"][:1]},
        },
        "models": list(cards),
        **more,
    }
    return msgspec.convert(whole, Published)


def made_lines() -> list[Line]:
    """Return the lines of both choices; the second is the identity."""
    return [
        Line(
            choice=key,
            left_out="",
            shift=shift,
            slope=line.slope if key == "default" else 1.0,
            second_slope=None,
            intercept=line.intercept if key == "default" else 0.0,
            r_squared=0.9,
            models=3,
            families=3,
            lowest_imagenet=35.0,
            highest_imagenet=98.0,
            lowest_second=None,
            highest_second=None,
        )
        for key in ("default", "linear")
        for shift, line in LINES.items()
    ]


def made_draws() -> Draws:
    """Return lines around those of `made_lines`."""
    rng = np.random.default_rng(0)
    found: Draws = {}
    for line in made_lines():
        columns = {
            name: getattr(line, name) + rng.normal(0, 0.01, DRAWS)
            for name in ("slope", "intercept")
        }
        found.setdefault(line.choice, {})[line.shift] = {
            name: base64.b64encode(values.astype("<f4").tobytes()).decode()
            for name, values in columns.items()
        }
    return found


def regression(outcome: str, **terms: float) -> dict[str, Any]:
    return {
        **{"outcome": outcome, "models": 9, "r_squared": 0.5, "largest_correlation": 0.1},
        "terms": [
            {"name": name.replace("_", " "), "unit": "", "values": [0, 1]}
            | {"estimate": [v, v - 1, v + 1]}
            for name, v in terms.items()
        ],
    }


def made_findings() -> Findings:
    """Return findings: a learning rate ten times as high costs 4 points, samples add 3."""
    outcomes = ("all", "natural", "style")
    return msgspec.convert(
        {
            "confidence": 0.95,
            "finetuning": {
                "start": {"all": 26.6},
                **{"models": 72, "lowest": 3.1, "median": 11.8, "highest": 16.1},
                "learning_rate": [-0.75, -0.8, -0.6],
                **{"with_recipe": 9, "linear_correlation": -0.8},
                "regressions": [
                    regression(o, learning_rate=-4.0, epochs=-2.0, augmentation=-3.0)
                    for o in outcomes
                ],
            },
            "soups": [
                {
                    **{"name": "B/greedy_soup", "imagenet": 81.0, "robustness": {"all": 10.9}},
                    **{"ingredients": 72, "less_accurate": 72},
                    **{"less_robust": 27, "less_in_both": 27},
                }
            ],
            "scaling": {
                "models": 26,
                "left_out": ["x"],
                "regressions": [
                    regression(o, samples_seen=3.0, compute_per_sample=0.5, LAION=-3.0)
                    for o in outcomes
                ],
            },
        },
        Findings,
    )


def made_standard() -> list[dict[str, Any]]:
    """Return three standard models on the default line."""
    return [model(name, x, 0.0) for name, x in (("a", 40.0), ("b", 60.0), ("c", 80.0))]
