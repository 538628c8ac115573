import base64
from itertools import product

import jsonschema
import msgspec
import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.published.line_choices import DEFAULT, MEANS
from interpreting_clip.published.models import draws_text, line_table, models_json
from interpreting_clip.published.schema import PublishedModels, schema
from interpreting_clip.statistics.logit_line import expit, logit

VIT, TUNED = "ViT-B-32/openai", "vit_base_patch32_clip_224.openai_ft_in1k"
RESNET = "resnet50.a1_in1k"  # a standard model, at two image sizes
FAR = "vit_base_patch16_clip_224.openai_ft_in1k"


def test_each_set_of_weights_is_shown_once(models, cards):
    assert len(models.models) == len(cards) == 1221
    assert cards[VIT].aliases == ["ViT-B-32-quickgelu/openai"]
    also = {one.source: (one.name, one.largest_difference) for one in cards[VIT].also}
    assert also["testbed"] == ("vit_b_32_clip_zeroshot", 0.349) and also["openclip_scaling"]
    (scaling,) = (one for one in cards[VIT].also if one.source == "openclip_scaling")
    assert scaling.recipe["samples_seen"] == "13B" and "samples_seen" not in cards[VIT].recipe
    assert cards[RESNET].image_size == "224" and cards[RESNET].training == "supervised"
    assert not any(model.source == "testbed" for model in models.models)


def test_what_finetuning_changed_is_taken_on_the_same_lines(cards, analysis):
    """So that an error of the line that both share cancels."""
    assert (cards[TUNED].start, cards[TUNED].counterpart_of) == (VIT, "ViT-B/32")
    assert cards[TUNED].robustness[DEFAULT].means["all"] is None
    names = analysis.models["name"].tolist()
    for card, key in product((cards[TUNED], cards[FAR]), (DEFAULT, "timm")):
        tuned, start = names.index(card.name), names.index(card.start)
        value, draws = analysis.found[key].mean(MEANS["without_objectnet"])
        ends = np.quantile(draws[:, tuned] - draws[:, start], [0.025, 0.975])
        expected = (value[tuned] - value[start], *ends)
        assert card.robustness[key].change == pytest.approx(expected, abs=2e-3)


def test_the_json_is_as_its_schema_says_and_reads_back(models):
    few = msgspec.structs.replace(models, models=models.models[::100])
    text = models_json(few)
    jsonschema.validate(msgspec.json.decode(text), schema())
    assert msgspec.json.decode(text, type=PublishedModels) == few
    lines = text.decode().splitlines()
    assert sum(line.startswith('{"name"') for line in lines) == len(few.models)


def test_leaders_are_those_that_the_lines_do_not_part(models, analysis):
    leaders = models.choices[DEFAULT].leaders
    assert leaders == ["EVA02-L-14-336/merged2b_s6b_b61k", "ViT-L-14-336/openai"]
    names = analysis.models["name"].tolist()
    _, draws = analysis.found[DEFAULT].mean(TESTBED_SHIFTS)
    places = [names.index(name) for name in (*leaders, "ViT-H-14-CLIPA-336/datacomp1b")]
    behind = [np.quantile(draws[:, places[0]] - draws[:, other], 0.025) for other in places[1:]]
    assert behind[0] <= 0 < behind[1]


@pytest.mark.parametrize("key", [DEFAULT, "timm"])
def test_models_of_a_backbone_are_compared_on_the_same_lines(models, analysis, key):
    """By hand: each is the most robust of its kind, and differences are taken draw by draw."""
    table = analysis.models
    mean, draws = analysis.found[key].mean(MEANS["without_objectnet"])
    by_name = dict(zip(table["name"], table.index, strict=True))
    compared = models.choices[key].comparisons
    assert len({(one.backbone, one.data) for one in compared}) == len(compared) > 9
    for one in compared:
        kinds = table.loc[[by_name[name] for name in one.models], "training"].tolist()
        assert kinds == sorted(kinds, key=["zero_shot", "finetuned", "supervised"].index)
        for name, kind in zip(one.models, kinds, strict=True):
            same = (table["counterpart_of"] == one.backbone) & (table["training"] == kind)
            if kind != "supervised":
                same &= table["data"] == one.data
            assert mean[by_name[name]] == mean[same].max()
        for first, second, found in zip(one.models, one.models[1:], one.differences, strict=False):
            a, b = by_name[first], by_name[second]
            ends = np.quantile(draws[:, a] - draws[:, b], [0.025, 0.975])
            assert found == pytest.approx((mean[a] - mean[b], *ends), abs=1e-3)


def test_lines_and_draws_give_the_numbers_of_the_table(cards, analysis):
    """Anyone can compute a model's interval from what is published."""
    accuracy, found = cards[VIT].accuracy, cards[VIT].robustness[DEFAULT]
    start = logit(np.array([accuracy["imagenet"] / 100]))
    drawn = []
    for shift, columns in draws_text(analysis)[DEFAULT].items():
        draws = (np.frombuffer(base64.b64decode(columns[k]), "<f4") for k in ("slope", "intercept"))
        slope, intercept = draws
        drawn.append(accuracy[shift] - 100 * expit(slope * start + intercept))
    ends = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975])
    assert found.means["all"][1:] == pytest.approx(tuple(ends), abs=2e-3)
    rows = line_table(analysis).to_dict("records")
    lines = {(row["choice"], row["shift"]): row for row in rows}
    line = lines[DEFAULT, "imagenet_a"]
    on_line = 100 * expit(float(line["slope"]) * start + float(line["intercept"]))
    expected = accuracy["imagenet_a"] - on_line[0]
    assert found.shifts["imagenet_a"] == pytest.approx(expected, abs=1e-3)
    for name, shifts in MEANS.items():
        mean = np.mean([found.shifts[shift] for shift in shifts])
        assert found.means[name][0] == pytest.approx(mean, abs=2e-3)
    plane = lines["with_v2", "imagenet_a"]
    assert plane["second_slope"] and plane["lowest_second"] < plane["highest_second"]
