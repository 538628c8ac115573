"""The sentences about published models follow the numbers."""

from typing import Any

from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.results import read_result
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import PublishedModels
from page.names import format_interval, format_number
from page.published_findings import (
    ACCURATE,
    finetuning_sentences,
    limit_sentence,
    line_sentences,
    scaling_sentences,
)
from page.published_results import model_table
from tests.unit.page.conftest import PLOTS


def findings() -> dict[str, Any]:
    return read_json(PLOTS / "published.json")


def test_no_effect_is_said_only_of_terms_that_show_none_on_any_kind_of_shift():
    found = findings()
    (style,) = (one for one in found["finetuning"]["regressions"] if one["outcome"] == "style")
    (mixup,) = (term for term in style["terms"] if term["name"] == "mixup")
    for low, silent in ((0.2, False), (-0.2, True)):
        mixup["estimate"] = (0.8, low, 1.4)
        no_effect, *others = finetuning_sentences(found)[-1].split("; ")
        assert ("mixup" in no_effect) is silent
        assert others == ([] if silent else ["mixup adds 0.8 [0.2, 1.4] points on style shifts."])


def test_finetuned_models_and_the_probe_that_they_started_from_are_counted_apart():
    found = findings()["finetuning"]
    first, second, _ = finetuning_sentences(findings())
    assert f"{found['models']} versions" in first and format_number(found["probe"]) in first
    assert f"the {found['distinct']} of them" in second
    assert (found["models"], found["distinct"]) == (71, 70)


def test_a_negative_coefficient_is_told_as_a_cost():
    value, low, high = findings()["finetuning"]["regressions"][0]["terms"][0]["estimate"]
    assert high < 0
    cost = format_interval(-value, -high, -low)
    assert f"ten times as high costs {cost} points" in finetuning_sentences(findings())[1]


def test_samples_have_a_slope_for_each_step_and_the_number_of_series_that_slow_down():
    found = findings()
    early, late = (c for c in found["scaling"]["contrasts"] if c["variable"] == "samples")
    first, sizes, data = scaling_sentences(found)
    for step in (early, late):
        assert f"{format_interval(*step['interval'])} points (" in first
    slower = sum(late["changes"][key] < change for key, change in early["changes"].items())
    assert f"less in {slower} of {len(early['changes'])} series" in first
    assert sizes.count("one pair") == 2 and data.count("pairs") == 2


def test_each_line_has_the_limits_of_its_standard_models():
    published = read_result(PLOTS / "published_models.json", PublishedModels)
    for key, said in line_sentences(published).items():
        for mean in ("all", "natural", "style"):
            limit = published.choices[key].spread[mean].limit
            assert f"±{format_number(limit)}" in said["spread_text"]


def test_the_limit_is_tried_on_models_that_the_line_was_not_fitted_to():
    published = read_result(PLOTS / "published_models.json", PublishedModels)
    spread = published.choices[DEFAULT].spread
    limit, held = spread["without_objectnet"].limit, {False: [], True: []}
    for model in published.models:
        under = model.robustness.get(DEFAULT)
        mean = under and under.means.get("without_objectnet")
        if under and mean and model.training == "supervised" and not under.extrapolated:
            held[model.accuracy["imagenet"] > ACCURATE].append(-limit <= mean[0] <= limit)
    said = limit_sentence(model_table(published), spread)
    every = held[False] + held[True]
    assert (
        f"Of {len(every)} other" in said and f" {100 * sum(every) / len(every):.0f} % lie" in said
    )
    assert f"only {100 * sum(held[True]) / len(held[True]):.0f} %" in said
