"""The claims about published models follow the numbers, whichever way they fall."""

import pytest

from page.published_claims import published_claims
from tests.unit.page.made_published import card, made


def claims(*cards):
    return {claim.key: claim for claim in published_claims(made(*cards))}


def test_zero_shot_models_are_counted_and_those_beyond_the_line_are_not():
    found = claims(
        card("RN50/openai", "zero_shot", 60.0, 20.0),
        card("RN50/cc12m", "zero_shot", 40.0, 0.2),
        card("tiny/openai", "zero_shot", 20.0, 99.0),
    )["published"]
    assert found.verdict == "mixed" and found.findings[0].startswith("1 of 2 models")
    assert found.findings[1].startswith("1 more") and "‡" not in " ".join(found.findings)
    assert not any("tiny" in text for text in found.findings)
    assert "highest: RN50/openai, 20.0 [19.5, 20.5] points" in found.findings[3]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        (((-12, -13, -11), (-4, -5, -3)), "shown"),
        (((-12, -13, -11), (1, -1, 3)), "mixed"),
        (((5, 4, 6), (3, 2, 4)), "not shown"),
        (((0.5, -1, 2), (0.1, -1, 2)), "mixed"),
    ],
)
def test_finetuning_is_judged_by_the_difference_from_the_start(changes, verdict):
    cards = [
        card(f"b/{i}", "finetuned", 70.0, 5.0, change=change) for i, change in enumerate(changes)
    ]
    found = claims(*cards, card("b", "finetuned", 70.0, 9.0))["finetuning"]
    assert found.verdict == verdict and " of 2 models lose" in found.findings[0]


def test_a_finetuned_model_beyond_the_line_is_not_counted():
    cards = [card(f"b/{x}", "finetuned", x, 5.0, change=(-1, -2, -0.5)) for x in (20.0, 70.0)]
    found = claims(*cards)["finetuning"]
    assert "1 of 1 models" in found.findings[0] and found.findings[1].startswith("1 more")


def backbone(finetuned: float, **more):
    return (
        card("B/openai", "zero_shot", 60.0, 27.0, counterpart_of="B", data="OpenAI"),
        card(
            "b.openai_ft", "finetuned", 80.0, finetuned, counterpart_of="B", data="OpenAI", **more
        ),
        card("b.in1k", "supervised", 80.0, 2.0, counterpart_of="B", data="ImageNet"),
        card("b.weak_in1k", "supervised", 80.0, 1.0, counterpart_of="B", data="ImageNet"),
    )


@pytest.mark.parametrize(
    ("finetuned", "verdict"), [(8.0, "shown"), (40.0, "not shown"), (2.4, "undecided")]
)
def test_models_of_one_backbone_are_put_in_order(finetuned, verdict):
    found = claims(*backbone(finetuned))["published-order"]
    (finding,) = found.findings
    assert found.verdict == verdict
    assert finding.startswith("B, OpenAI: zero-shot 27.0 [26.5, 27.5] points (ImageNet 60.0 %)")
    assert "supervised 2.0 [" in finding and "1.0 [" not in finding


def test_a_case_to_which_the_line_is_extrapolated_is_undecided():
    cards = backbone(8.0, note="larger patches")
    cards[1]["robustness"]["default"]["extrapolated"] = ["imagenet_a"]
    found = claims(*cards)["published-order"]
    assert found.verdict == "undecided"
    assert "finetuned (larger patches) 8.0 [7.5, 8.5]‡" in found.findings[0]


def test_a_claim_says_under_which_lines_its_verdict_is_another():
    cards = backbone(8.0)
    assert [found.elsewhere for found in claims(*cards).values()] == [[], []]
    means = cards[1]["robustness"]["linear"]["means"]
    means["without_objectnet"] = [40.0, 39.5, 40.5]
    assert claims(*cards)["published-order"].elsewhere == ["not seen under “linear”"]
    del cards[0]["robustness"]["linear"], cards[1]["robustness"]["linear"]
    assert [found.elsewhere for found in claims(*cards).values()] == [[], []]


def test_without_models_nothing_is_said():
    assert claims() == {}
