import base64

import jsonschema
import msgspec
import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.measures.logit_line import expit, logit
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, MEANS
from interpreting_clip.published.models import (
    analyse,
    draws_text,
    line_table,
    models_json,
    published_models,
)
from interpreting_clip.published.schema import PublishedModels, schema
from interpreting_clip.published.sources import read_published
from tests.unit.published.conftest import SETTINGS


@pytest.fixture(scope="module")
def published(folder):
    return read_published(folder)


@pytest.fixture(scope="module")
def analysis(published):
    return analyse(published, SETTINGS)


@pytest.fixture(scope="module")
def models(published, analysis):
    return published_models(published, analysis, SETTINGS)


def by_name(models):
    return {model.name: model for model in models.models}


def test_each_set_of_weights_is_shown_once(models):
    found = by_name(models)
    assert len(found) == len(models.models) == 3 + 30 + 1
    assert found["ViT/web"].aliases == ["ViT-again/web"]
    (also,) = found["ViT/web"].also
    assert (also.source, also.name, also.largest_difference) == ("scaling", "ViT/Samples-3B", 0.5)
    assert found["t3.in1k"].image_size == "224" and found["t3.in1k"].training == "supervised"
    assert not any(model.source == "testbed" for model in models.models)


def test_effective_robustness_is_the_distance_from_the_line(models, analysis):
    vit = by_name(models)["ViT/web"]
    default = vit.robustness[DEFAULT]
    for shift in TESTBED_SHIFTS:
        slope, intercept = analysis.fits[DEFAULT][shift].coefficients
        line = 100 * expit(slope * logit(np.array([0.7])) + intercept)[0]
        assert default.shifts[shift] == pytest.approx(vit.accuracy[shift] - line, abs=1e-3)
    for name, shifts in MEANS.items():
        value, low, high = default.means[name]
        assert value == pytest.approx(np.mean([default.shifts[s] for s in shifts]), abs=2e-3)
        assert low < value < high
    assert default.extrapolated == [] and default.change is None
    assert by_name(models)["big/web"].robustness[DEFAULT].extrapolated == list(TESTBED_SHIFTS)
    assert by_name(models)["big/web"].robustness["timm"].extrapolated == []


def test_what_finetuning_changed_is_taken_on_the_same_lines(models, analysis):
    tuned, start = by_name(models)["vit.ft"], by_name(models)["ViT/web"]
    assert (tuned.start, tuned.counterpart_of) == ("ViT/web", "ViT")
    for key in (DEFAULT, "probit", "timm"):
        one, other = tuned.robustness[key], start.robustness[key]
        value, low, high = one.change
        apart = one.means["without_objectnet"][0] - other.means["without_objectnet"][0]
        assert value == pytest.approx(apart, abs=2e-3) and low < value < high
        # An error of the line that both share cancels.
        ends = [end for m in (one, other) for end in m.means["without_objectnet"][1:]]
        assert high - low < (ends[1] - ends[0]) + (ends[3] - ends[2])
    assert tuned.robustness[DEFAULT].means["all"] is None


def test_a_choice_has_the_models_that_were_measured_for_it(models):
    found = by_name(models)
    assert set(found["ViT/web"].robustness) == set(CHOICES) - {"with_real"}
    assert set(found["vit.ft"].robustness) == set(CHOICES)
    assert set(found["t3.in1k"].robustness) == {DEFAULT}
    assert list(found["ViT/web"].robustness["shift_classes"].shifts) == [
        "imagenet_v2",
        "imagenet_sketch",
    ]
    cards = models.choices
    assert cards[DEFAULT].rank_correlation is None
    assert (cards["timm"].compared, cards["with_real"].compared) == (4, 1)


def test_leaders_are_those_that_the_lines_do_not_part(models, analysis):
    names = analysis.models["name"].tolist()
    value, draws = analysis.found[DEFAULT].mean(TESTBED_SHIFTS)
    vit, rn = names.index("ViT/web"), names.index("RN/web")
    low = np.quantile(draws[:, vit] - draws[:, rn], 0.05)
    assert value[vit] > value[rn]
    assert models.choices[DEFAULT].leaders == ["ViT/web", *(["RN/web"] if low <= 0 else [])]


def test_the_json_is_as_its_schema_says_and_reads_back(models):
    text = models_json(models)
    jsonschema.validate(msgspec.json.decode(text), schema())
    assert msgspec.json.decode(text, type=PublishedModels) == models
    lines = text.decode().splitlines()
    assert sum(line.startswith('{"name"') for line in lines) == len(models.models)


def test_lines_and_draws_give_the_numbers_of_the_table(models, analysis):
    """Anyone can compute a model's interval from what is published."""
    text, vit = draws_text(analysis)["probit"], by_name(models)["ViT/web"]
    drawn = []
    for shift, columns in text.items():
        slope, intercept = (
            np.frombuffer(base64.b64decode(columns[name]), "<f4") for name in ("slope", "intercept")
        )
        drawn.append(vit.accuracy[shift] - 100 * ndtr(slope * ndtri(0.7) + intercept))
    ends = np.quantile(np.mean(drawn, axis=0), [0.05, 0.95])
    assert vit.robustness["probit"].means["all"][1:] == pytest.approx(tuple(ends), abs=2e-3)
    lines = {
        (r["choice"], r["left_out"], r["shift"]): r for r in line_table(analysis).to_dict("records")
    }
    line = lines["probit", "", "imagenet_a"]
    above = vit.accuracy["imagenet_a"] - 100 * ndtr(
        float(line["slope"]) * ndtri(0.7) + float(line["intercept"])
    )
    assert vit.robustness["probit"].shifts["imagenet_a"] == pytest.approx(above, abs=1e-3)
    left_out = {family for choice, family, _ in lines if choice == DEFAULT}
    assert left_out == {"", *(f"f{i}" for i in range(8))}
    plane = lines["with_v2", "", "imagenet_a"]
    assert plane["second_slope"] and plane["lowest_second"] < plane["highest_second"]
