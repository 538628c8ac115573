import base64
from itertools import product

import jsonschema
import msgspec
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.published.analysis import Robustness
from interpreting_clip.published.line_choices import CURVED, DEFAULT, MEANS
from interpreting_clip.published.models import draws_text, leaders, line_table, models_json
from interpreting_clip.published.schema import PublishedModels, schema
from interpreting_clip.statistics.logit_line import expit, logit

OPENAI = "ViT-L-14-336/openai"
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
    for card, key in product((cards[TUNED], cards[FAR]), (DEFAULT, CURVED)):
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
    """By hand, with Bonferroni's correction for the models that are compared with the first."""
    found = models.choices[DEFAULT].leaders
    values, draws = analysis.found[DEFAULT].mean(TESTBED_SHIFTS)
    outside = analysis.found[DEFAULT].extrapolated.any(axis=1)
    within = (analysis.models["training"] == "zero_shot") & values.notna() & ~outside
    places = values[within].sort_values(ascending=False).index
    tail = 0.05 / 2 / (len(places) - 1)
    expected = []
    for other in places:
        error = (draws[:, places[0]] - draws[:, other]).std() * np.sqrt(14 / 16)
        behind = values[places[0]] - values[other]
        if behind <= stats.t.ppf(1 - tail, 16) * error:
            expected.append(analysis.models["name"][other])
    assert found == expected and found[:2] == ["EVA02-L-14-336/merged2b_s6b_b61k", OPENAI]
    assert len(found) > 2
    assert models.choices[CURVED].leaders[0] == OPENAI


def test_the_most_robust_model_is_nearly_always_among_the_leaders():
    """Twenty-one equal models, the hardest case; the draws are those of a fit's `wild_noise`."""
    generator = np.random.default_rng(0)
    many, freedom, trials = 21, 16, 400
    models = pd.DataFrame({"name": [f"model {i}" for i in range(many)], "training": "zero_shot"})
    among = 0
    for _ in range(trials):
        points = pd.DataFrame({"imagenet_v2": generator.normal(size=many)})
        # The residuals of a fit say how wide its error is, as well as their number allows.
        scale = np.sqrt(generator.chisquare(freedom) / generator.chisquare(freedom, size=(300, 1)))
        draws = points["imagenet_v2"].to_numpy() + scale * generator.normal(size=(300, many))
        found = Robustness(points, points > np.inf, {"imagenet_v2": draws})
        among += "model 0" in leaders(found, freedom, models, 0.95)
    assert 0.95 <= among / trials < 1


@pytest.mark.parametrize("key", [DEFAULT, CURVED])
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
    bent = draws_text(analysis)[CURVED]["imagenet_a"]
    assert bent.keys() == {"slope", "intercept", "knee", "bend"}
    rows = line_table(analysis).to_dict("records")
    lines = {(row["choice"], row["shift"]): row for row in rows}
    line = lines[DEFAULT, "imagenet_a"]
    on_line = 100 * expit(float(line["slope"]) * start + float(line["intercept"]))
    expected = accuracy["imagenet_a"] - on_line[0]
    assert found.shifts["imagenet_a"] == pytest.approx(expected, abs=1e-3)
    for name, shifts in MEANS.items():
        mean = np.mean([found.shifts[shift] for shift in shifts])
        assert found.means[name][0] == pytest.approx(mean, abs=2e-3)
    curve = lines[CURVED, "imagenet_a"]
    beyond = np.maximum(start - logit(np.array([curve["knee"] / 100])), 0)
    rise = float(curve["slope"]) * start + float(curve["bend"]) * beyond
    on_line = 100 * expit(rise + float(curve["intercept"]))
    found = cards[VIT].robustness[CURVED]
    expected = accuracy["imagenet_a"] - on_line[0]
    assert found.shifts["imagenet_a"] == pytest.approx(expected, abs=1e-3)
