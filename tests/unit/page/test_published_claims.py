"""The claims about published models follow the numbers, whichever way they fall."""

import math
from typing import Any

import msgspec

from interpreting_clip.formats.json import read_json
from interpreting_clip.published.line_choices import MEANS
from interpreting_clip.published.schema import PublishedModels
from page.published_claims import published_claims
from page.published_results import model_table
from tests.unit.page.conftest import PLOTS, SHIFTS

PUBLISHED = read_json(PLOTS / "published_models.json")


CHOICES = ("default", "curved")


def card(name: str, training: str, above: float, change=None, **more: Any) -> dict[str, Any]:
    """Make a model some points above every line, on straight lines `straight` points."""
    known = {"name": name, "training": training, "accuracy": {"imagenet": 60.0}, "data": "OpenAI"}
    extrapolated, straight = more.pop("extrapolated", []), more.pop("straight", above)
    known["robustness"] = {
        key: {
            "shifts": dict.fromkeys(SHIFTS, points),
            "means": {mean: [points, points - 0.5, points + 0.5] for mean in MEANS},
            "change": change,
            "extrapolated": extrapolated,
        }
        for key, points in zip(CHOICES, (straight, above), strict=True)
    }
    texts = dict.fromkeys(("counterpart_of", "start", "note"), "")
    return PUBLISHED["models"][0] | texts | known | more


def claims(*cards, differences=None, straight=None, limit=3.0):
    """Return the claims about models, one more standard model being within `limit` points.

    `differences` are those of each backbone's models on curved lines; those on straight lines are
    the same, or `straight`.
    """
    choices = {}
    for key in CHOICES:
        between = (straight if key == "default" else None) or differences or {}
        choice = PUBLISHED["choices"][key]
        comparisons = [
            {
                "backbone": backbone,
                "data": "OpenAI",
                "models": [one["name"] for one in cards if one["counterpart_of"] == backbone],
                "differences": found,
            }
            for backbone, found in between.items()
        ]
        # As far from the lines at every accuracy.
        known = {"level": math.log(limit), "rise": 0.0}
        limits = {name: one | known for name, one in choice["limits"].items()}
        choices[key] = choice | {"limits": limits, "comparisons": comparisons}
    published = msgspec.convert(PUBLISHED | {"models": cards, "choices": choices}, PublishedModels)
    tables = {choice: model_table(published, choice) for choice in choices}
    return {claim.key: claim for claim in published_claims(published, tables)}


def verdict_of(key: str, *cards, **more) -> str:
    return claims(*cards, **more)[key].verdict


def test_a_zero_shot_model_has_to_lie_beyond_where_a_standard_model_would():
    """Its interval, half a point on either side, has to be above the limit."""
    robust, within, unsure = (card(f"B/{x}", "zero_shot", x) for x in (20.0, 2.0, 3.4))
    for cards, verdict in (
        ((robust, card("B/9", "zero_shot", 9.0)), "supported"),
        ((within, card("B/1", "zero_shot", 1.0)), "contradicted"),
        ((unsure,), "undecided"),
        ((robust, unsure), "undecided"),
        ((within, unsure), "undecided"),
        ((robust, within), "mixed"),
        ((robust, within, unsure), "mixed"),
        ((card("B/tiny", "zero_shot", 99.0, extrapolated=["objectnet"]),), "undecided"),
    ):
        assert verdict_of("published", *cards) == verdict, [one["name"] for one in cards]


def test_zero_shot_models_are_counted_in_range_and_the_ends_shown():
    cards = [
        card("RN50/openai", "zero_shot", 20.0),
        card("RN50/cc12m", "zero_shot", 3.4),
        card("tiny/openai", "zero_shot", 99.0, extrapolated=["objectnet"]),
    ]
    found = claims(*cards)["published"]
    assert "1 of 2 zero-shot" in found.reason and "1 more" in found.reason
    cases = [(case.name, case.text) for case in found.cases]
    # The line is extrapolated to the tiny one.
    assert cases == [
        ("lowest: RN50/cc12m", "3.4 [2.9, 3.9]"),
        ("highest: RN50/openai", "20.0 [19.5, 20.5]"),
    ]


def test_a_claim_names_the_models_that_straight_lines_judge_otherwise():
    cards = [card("B/a", "zero_shot", 9.0, straight=1.0), card("B/b", "zero_shot", 9.0)]
    found = claims(*cards)["published"]
    assert found.verdict == "supported"
    assert found.reason.endswith("Straight lines judge otherwise: B/a (contradicted).")
    assert "otherwise" not in claims(cards[1])["published"].reason


def test_finetuning_is_judged_by_the_difference_from_the_start():
    less, least = (-12, -13, -11), (-4, -5, -3)
    more, most, unsure = (5, 4, 6), (3, 2, 4), (1, -1, 3)
    for changes, verdict in (
        ((less, least), "supported"),
        ((more, most), "contradicted"),
        ((less, unsure), "undecided"),
        ((unsure,), "undecided"),
        ((less, more, unsure), "mixed"),
    ):
        cards = [card(f"b/{c}", "finetuned", 5.0, change=c) for c in changes]
        beyond = card("b", "finetuned", 9.0, change=most, extrapolated=["objectnet"])
        found = claims(*cards, beyond)["finetuning"]
        assert found.verdict == verdict and f" of {len(changes)} finetuned models" in found.reason
        assert "1 more" in found.reason and len(found.cases) == 2


def backbone(name="B", **of_finetuned):
    cards = [
        card(f"{name}/openai", "zero_shot", 27.0),
        card(f"{name}.openai_ft", "finetuned", 26.8, note="larger patches", **of_finetuned),
        card(f"{name}.in1k", "supervised", 2.0, data="ImageNet"),
    ]
    return [one | {"counterpart_of": name} for one in cards]


SURE, UNSURE = [[5, 4, 6], [9, 8, 10]], [[5, -1, 9], [9, 8, 10]]
REVERSED = [[5, 4, 6], [-2, -3, -1]]


def test_an_order_is_judged_by_differences_and_not_by_overlapping_intervals():
    close = {"B": [[0.2, 0.1, 0.3], [24.8, 20, 29]]}
    found = claims(*backbone(), differences=close)["published-order"]
    assert found.verdict == "supported"
    assert [(case.group, case.text) for case in found.cases] == [
        ("B, OpenAI", "0.2 [0.1, 0.3]"),
        ("B, OpenAI", "24.8 [20.0, 29.0]"),
    ]


def test_an_order_is_decided_by_all_backbones_in_range():
    for of_backbones, verdict in (
        ((SURE, SURE), "supported"),
        ((REVERSED, REVERSED), "contradicted"),
        ((UNSURE, UNSURE), "undecided"),
        ((SURE, UNSURE), "undecided"),
        ((SURE, SURE, REVERSED, REVERSED), "mixed"),
    ):
        names = "ABCD"[: len(of_backbones)]
        cards = [one for name in names for one in backbone(name)]
        beyond = backbone("E", extrapolated=["imagenet_a"])
        differences = dict(zip((*names, "E"), (*of_backbones, REVERSED), strict=True))
        found = claims(*cards, *beyond, differences=differences)["published-order"]
        assert found.verdict == verdict, of_backbones
        assert f"of {len(names)} backbones" in found.reason and "1 more" in found.reason


def test_an_order_without_a_model_of_each_kind_is_not_supported():
    some = {"B": SURE[:1]}
    found = claims(*backbone()[:2], differences=some)["published-order"]
    assert found.verdict == "undecided"


def test_an_order_names_the_backbones_that_straight_lines_judge_otherwise():
    sure = {"B": SURE}
    assert "otherwise" not in claims(*backbone(), differences=sure)["published-order"].reason
    for other, verdict in (({"B": UNSURE}, "undecided"), ({"B": REVERSED}, "contradicted")):
        found = claims(*backbone(), differences=other, straight=sure)["published-order"]
        assert found.verdict == verdict and "otherwise: B, OpenAI (supported)." in found.reason


def test_an_order_outside_the_line_s_range_is_not_judged():
    cards = backbone(extrapolated=["imagenet_a"])
    found = claims(*cards, differences={"B": SURE})["published-order"]
    assert (found.verdict, found.cases) == ("undecided", []) and "1 more" in found.reason


def test_a_difference_names_both_trainings_with_the_note_of_a_model():
    found = claims(*backbone(), differences={"B": SURE})["published-order"]
    assert [(case.name, case.text) for case in found.cases] == [
        ("zero-shot − finetuned (larger patches)", "5.0 [4.0, 6.0]"),
        ("finetuned (larger patches) − supervised", "9.0 [8.0, 10.0]"),
    ]
