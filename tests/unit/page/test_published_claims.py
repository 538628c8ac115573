"""The claims about published models follow the numbers, whichever way they fall."""

import msgspec
import pytest

from page.published_claims import published_claims, published_order, published_robustness
from page.results import PublishedResults
from tests.unit.page.conftest import counterpart


def test_published_models_are_counted(study):
    study["published"]["encoders"]["RN50/cc12m"]["low"] = -0.5
    found = published_robustness(msgspec.convert(study["published"], PublishedResults))
    assert found and found.verdict == "mixed" and found.findings[0].startswith("1 of 2 models")


def test_published_models_to_which_the_line_is_extrapolated_are_neither_counted_nor_quoted(study):
    models = study["published"]["encoders"]
    models["tiny/openai"] = models["RN50/openai"] | {"mean": 99.0, "extrapolated": ["imagenet_a"]}
    found = published_robustness(msgspec.convert(study["published"], PublishedResults))
    assert found and found.verdict == "shown" and found.findings[0].startswith("2 of 2 models")
    assert found.findings[1].startswith("1 more") and "35.0 to 98.0 %" in found.findings[1]
    assert not any("tiny" in text or "99.0" in text for text in found.findings)


def order_of(study):
    found = published_order(msgspec.convert(study["published"], PublishedResults))
    assert found
    return found


@pytest.mark.parametrize(
    ("finetuned", "verdict"), [(8.0, "shown"), (40.0, "not shown"), (2.4, "undecided")]
)
def test_published_models_of_one_backbone_are_put_in_order(study, finetuned, verdict):
    models = study["published"]["counterparts"]["ViT-B/32"]
    models["clip.openai_ft_in1k"] = counterpart("OpenAI", "finetuned", finetuned)
    found = order_of(study)
    (finding,) = found.findings
    assert found.verdict == verdict
    raw = "points (ImageNet 80.0 %, shifts 50.0 %)"
    assert finding.startswith(f"ViT-B/32, OpenAI: zero-shot 27.0 [26.5, 27.5] {raw}, finetuned")
    assert "supervised 2.0 [" in finding and "1.0 [" not in finding


def test_a_published_model_of_another_patch_size_is_named_as_one(study):
    study["published"]["counterparts"]["ViT-B/32"]["augreg_in1k"]["note"] = "another patch size"
    assert "supervised (another patch size) 2.0 [" in order_of(study).findings[0]


def test_published_models_are_judged_on_the_lines_that_reach_them(study):
    models = study["published"]["counterparts"]["ViT-B/32"]
    finetuned = models["clip.openai_ft_in1k"]
    outside = counterpart("", "", 40.0)["timm"] | {"extrapolated": ["imagenet_a"]}
    finetuned["testbed"] = outside
    found = order_of(study)
    assert found.verdict == "shown" and "finetuned 40.0 [39.5, 40.5]‡" in found.findings[0]
    finetuned["timm"] = outside
    assert order_of(study).verdict == "undecided"
    finetuned |= {
        "testbed": outside | {"extrapolated": []},
        "timm": counterpart("", "", 8.0)["timm"],
    }
    assert order_of(study).verdict == "mixed"


def test_without_numbers_nothing_is_said_of_published_models(study):
    study["published"] |= {"encoders": {}, "counterparts": {}}
    assert published_claims(msgspec.convert(study["published"], PublishedResults)) == []
