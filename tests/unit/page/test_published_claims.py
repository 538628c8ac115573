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
    known["robustness"] = {"default": under, "linear": deepcopy(under)}
    texts = dict.fromkeys(("counterpart_of", "start", "note"), "")
    return PUBLISHED["models"][0] | texts | known | more


def claims(*cards):
    published = msgspec.convert(PUBLISHED | {"models": cards}, PublishedModels)
    tables = {choice: model_table(published, choice) for choice in ("default", "linear")}
    return {claim.key: claim for claim in published_claims(published, tables)}


def test_zero_shot_models_are_counted_and_those_beyond_the_line_are_not():
    found = claims(
        card("RN50/openai", "zero_shot", 20.0),
        card("RN50/cc12m", "zero_shot", 0.2),
        card("tiny/openai", "zero_shot", 99.0, extrapolated=["objectnet"]),
    )["published"]
    assert found.verdict == "mixed" and found.findings[0].startswith("1 of 2 models")
    assert found.findings[1].startswith("1 more") and "tiny" not in " ".join(found.findings)
    assert "highest: RN50/openai, 20.0 [19.5, 20.5] points" in found.findings[3]


def test_finetuning_is_judged_by_the_difference_from_the_start():
    less, least, more = (-12, -13, -11), (-4, -5, -3), (1, -1, 3)
    known = {
        (less, least): "supported",
        (less, more): "mixed",
        ((5, 4, 6), (3, 2, 4)): "not supported",
    }
    for changes, verdict in known.items():
        cards = [card(f"b/{c}", "finetuned", 5.0, change=c) for c in changes]
        beyond = card("b", "finetuned", 9.0, change=more, extrapolated=["objectnet"])
        found = claims(*cards, beyond)["finetuning"]
        assert found.verdict == verdict and " of 2 models lose" in found.findings[0]
        assert found.findings[1].startswith("1 more")


def test_models_of_one_backbone_are_put_in_order_unless_a_line_is_extrapolated():
    cards = [
        card("B/openai", "zero_shot", 27.0, counterpart_of="B"),
        card("b.openai_ft", "finetuned", 8.0, counterpart_of="B", note="larger patches"),
        card("b.in1k", "supervised", 2.0, counterpart_of="B", data="ImageNet"),
        card("b.weak_in1k", "supervised", 1.0, counterpart_of="B", data="ImageNet"),
    ]
    found = claims(*cards)["published-order"]
    assert (found.verdict, found.elsewhere) == ("supported", ())
    (finding,) = found.findings
    assert finding.startswith("B, OpenAI: zero-shot 27.0 [26.5, 27.5] points (ImageNet 60.0 %)")
    assert "supervised 2.0 [" in finding and "1.0 [" not in finding
    # the claim names the lines under which its verdict is another
    linear = cards[1]["robustness"]["linear"]
    linear["means"]["without_objectnet"] = [40.0, 39.5, 40.5]
    assert claims(*cards)["published-order"].elsewhere == ("not supported under “linear”",)
    cards[1]["robustness"]["default"]["extrapolated"] = ["imagenet_a"]
    found = claims(*cards)["published-order"]
    assert found.verdict == "undecided"
    assert "finetuned (larger patches) 8.0 [7.5, 8.5]‡" in found.findings[0]
