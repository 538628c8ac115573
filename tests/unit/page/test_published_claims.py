"""The claims about published models follow the numbers, whichever way they fall."""

from copy import deepcopy
from typing import Any

import msgspec

from interpreting_clip.formats.json import read_json
from interpreting_clip.published.line_choices import MEANS
from interpreting_clip.published.schema import PublishedModels
from page.published_claims import published_claims
from page.published_results import model_table
from tests.unit.page.conftest import PLOTS, SHIFTS

PUBLISHED = read_json(PLOTS / "published_models.json")


def card(name: str, training: str, above: float, change=None, **more: Any) -> dict[str, Any]:
    """Make a model some points above every line of two choices."""
    under = {"shifts": dict.fromkeys(SHIFTS, above), "change": change}
    under["means"] = {key: [above, above - 0.5, above + 0.5] for key in MEANS}
    under["extrapolated"] = more.pop("extrapolated", [])
    known = {"name": name, "training": training, "accuracy": {"imagenet": 60.0}, "data": "OpenAI"}
    known["robustness"] = {"default": under, "timm": deepcopy(under)}
    texts = dict.fromkeys(("counterpart_of", "start", "note"), "")
    return PUBLISHED["models"][0] | texts | known | more


def claims(*cards, differences=(), timm=None, limit=3.0):
    """Return the claims about models.

    All of them are of one backbone if there are `differences` between them, those under timm's
    being `timm`.
    """
    choices = {}
    for key, between in (("default", differences), ("timm", timm or differences)):
        names = [one["name"] for one in cards]
        compared = {"backbone": "B", "data": "OpenAI", "models": names, "differences": between}
        choice = PUBLISHED["choices"][key]
        spread = {name: one | {"limit": limit} for name, one in choice["spread"].items()}
        choices[key] = choice | {"spread": spread, "comparisons": [compared] * bool(between)}
    published = msgspec.convert(PUBLISHED | {"models": cards, "choices": choices}, PublishedModels)
    tables = {choice: model_table(published, choice) for choice in choices}
    return {claim.key: claim for claim in published_claims(published, tables)}


def test_a_zero_shot_model_has_to_lie_beyond_where_a_standard_model_would():
    """Its interval, half a point on either side, has to be above the limit."""
    cards = [
        card("RN50/openai", "zero_shot", 20.0),
        card("RN50/cc12m", "zero_shot", 3.4),
        card("tiny/openai", "zero_shot", 99.0, extrapolated=["objectnet"]),
    ]
    found = claims(*cards)["published"]
    assert found.verdict == "mixed" and found.reason.startswith("1 of 2 zero-shot")
    assert "1 more" in found.reason
    cases = [(case.name, case.text) for case in found.cases]
    assert cases[1] == ("highest: RN50/openai", "20.0 [19.5, 20.5]")
    assert cases[0][0] == "lowest: RN50/cc12m"  # the line is extrapolated to the tiny one
    verdicts = [claims(*cards, limit=limit)["published"].verdict for limit in (2.8, 20.0)]
    assert verdicts == ["supported", "contradicted"]


def test_finetuning_is_judged_by_the_difference_from_the_start():
    less, least, more = (-12, -13, -11), (-4, -5, -3), (1, -1, 3)
    known = {
        (less, least): "supported",
        (less, more): "mixed",
        ((5, 4, 6), (3, 2, 4)): "contradicted",
    }
    for changes, verdict in known.items():
        cards = [card(f"b/{c}", "finetuned", 5.0, change=c) for c in changes]
        beyond = card("b", "finetuned", 9.0, change=more, extrapolated=["objectnet"])
        found = claims(*cards, beyond)["finetuning"]
        assert found.verdict == verdict and " of 2 finetuned models" in found.reason
        assert "1 more" in found.reason and len(found.cases) == 2


def backbone(**of_finetuned):
    return [
        card("B/openai", "zero_shot", 27.0),
        card("b.openai_ft", "finetuned", 26.8, note="larger patches", **of_finetuned),
        card("b.in1k", "supervised", 2.0, data="ImageNet"),
    ]


def test_an_order_is_judged_by_differences_and_not_by_overlapping_intervals():
    found = claims(*backbone(), differences=[[0.2, 0.1, 0.3], [24.8, 20, 29]])["published-order"]
    assert (found.verdict, found.elsewhere) == ("supported", ())
    assert [(case.group, case.text) for case in found.cases] == [
        ("B, OpenAI", "0.2 [0.1, 0.3]"),
        ("B, OpenAI", "24.8 [20.0, 29.0]"),
    ]


def test_an_order_depends_on_the_line_where_its_difference_does():
    sure, unsure, reversed_ = (
        [[5, 4, 6], [9, 8, 10]],
        [[5, -1, 9], [9, 8, 10]],
        [[5, 4, 6], [-2, -3, -1]],
    )
    for other, verdict in ((unsure, "undecided"), (reversed_, "contradicted")):
        found = claims(*backbone(), differences=sure, timm=other)["published-order"]
        assert found.elsewhere == (f"{verdict} under “timm’s standard models”",)


def test_an_order_outside_the_line_s_range_is_undecided_but_stated():
    cards = backbone(extrapolated=["imagenet_a"])
    found = claims(*cards, differences=[[5, 4, 6], [9, 8, 10]])["published-order"]
    assert found.verdict == "undecided"
    assert [(case.name, case.training, case.text) for case in found.cases] == [
        ("zero-shot − finetuned (larger patches)", "zero_shot", "5.0 [4.0, 6.0]‡"),
        ("finetuned (larger patches) − supervised", "finetuned", "9.0 [8.0, 10.0]‡"),
    ]
