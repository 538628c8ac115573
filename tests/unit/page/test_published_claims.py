"""The claims about published models follow the numbers, whichever way they fall."""

from page.published_claims import published_claims
from page.published_results import model_table
from tests.unit.page.made_published import card, made


def claims(*cards):
    published = made(*cards)
    tables = {choice: model_table(published, choice) for choice in published.choices}
    return {claim.key: claim for claim in published_claims(published, tables)}


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


def test_finetuning_is_judged_by_the_difference_from_the_start():
    less, least, more = (-12, -13, -11), (-4, -5, -3), (1, -1, 3)
    known = {(less, least): "shown", (less, more): "mixed", ((5, 4, 6), (3, 2, 4)): "not shown"}
    for changes, verdict in known.items():
        cards = [card(f"b/{c}", "finetuned", 70.0, 5.0, change=c) for c in changes]
        beyond = card("b", "finetuned", 20.0, 9.0, change=more)
        found = claims(*cards, beyond)["finetuning"]
        assert found.verdict == verdict and " of 2 models lose" in found.findings[0]
        assert found.findings[1].startswith("1 more")


def backbone(finetuned: float, **more):
    openai = {"data": "OpenAI", "counterpart_of": "B"}
    other = {"data": "ImageNet", "counterpart_of": "B"}
    return (
        card("B/openai", "zero_shot", 60.0, 27.0, **openai),
        card("b.openai_ft", "finetuned", 80.0, finetuned, **openai, **more),
        card("b.in1k", "supervised", 80.0, 2.0, **other),
        card("b.weak_in1k", "supervised", 80.0, 1.0, **other),
    )


def test_models_of_one_backbone_are_put_in_order_unless_a_line_is_extrapolated():
    assert claims(*backbone(40.0))["published-order"].verdict == "not shown"
    cards = backbone(8.0, note="larger patches")
    found = claims(*cards)["published-order"]
    (finding,) = found.findings
    assert found.verdict == "shown"
    assert finding.startswith("B, OpenAI: zero-shot 27.0 [26.5, 27.5] points (ImageNet 60.0 %)")
    assert "supervised 2.0 [" in finding and "1.0 [" not in finding
    cards[1]["robustness"]["default"]["extrapolated"] = ["imagenet_a"]
    found = claims(*cards)["published-order"]
    assert found.verdict == "undecided"
    assert "finetuned (larger patches) 8.0 [7.5, 8.5]‡" in found.findings[0]


def test_a_claim_says_under_which_lines_its_verdict_is_another():
    cards = backbone(8.0)
    assert [found.elsewhere for found in claims(*cards).values()] == [(), ()]
    means = cards[1]["robustness"]["linear"]["means"]
    means["without_objectnet"] = [40.0, 39.5, 40.5]
    assert claims(*cards)["published-order"].elsewhere == ("not seen under “linear”",)
    del cards[0]["robustness"]["linear"], cards[1]["robustness"]["linear"]
    assert [found.elsewhere for found in claims(*cards).values()] == [(), ()]
