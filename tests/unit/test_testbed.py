"""Effective robustness of accuracies that people have, on the published testbed's lines."""

import numpy as np
import pytest

import interpreting_clip as ic
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.published_accuracies import Settings, standard_models
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, fit_choice, robustness
from interpreting_clip.published.models import standard_models_by_source
from interpreting_clip.published.sources import FOLDER, read_published
from tests.reads import ROOT

VIT = {"imagenet": 63.32, "imagenet_v2": 55.92, "imagenet_r": 69.33, "imagenet_sketch": 42.29}
VIT |= {"objectnet": 44.31, "imagenet_a": 31.55}


def test_effective_robustness_is_that_of_the_published_models():
    settings = Settings(resamples=1000, seed=0, confidence=0.95)
    models = standard_models_by_source(read_published(ROOT / FOLDER))["testbed"]
    line = CHOICES[DEFAULT]
    expected = robustness(line, fit_choice(line, models, settings), [VIT])
    mean, draws = expected.mean(TESTBED_SHIFTS)
    exact = ic.effective_robustness(VIT, images=dict.fromkeys(VIT))
    assert exact.robustness is not None and exact.models == 87
    assert exact.robustness.value == pytest.approx(mean[0])
    assert exact.robustness.ends == pytest.approx(np.quantile(draws[:, 0], [0.025, 0.975]))
    assert {s: one.robustness.value for s, one in exact.per_shift.items() if one.robustness} == (
        pytest.approx({s: values[0] for s, values in expected.values.items()})
    )
    measured = ic.effective_robustness(VIT).robustness
    assert measured is not None and measured.value == pytest.approx(mean[0])
    assert np.ptp(measured.ends) > np.ptp(exact.robustness.ends)


def test_a_standard_model_on_its_own_line_has_none():
    (model,) = (model for model in standard_models() if model["name"] == "resnet50")
    found = ic.effective_robustness({name: model[name] for name in ("imagenet", "imagenet_v2")})
    assert found.robustness is not None and abs(found.robustness.value) < 1


def test_a_line_starts_at_the_classes_of_the_shift_if_they_are_given():
    given = {"imagenet": 76.0, "imagenet_r": 36.0}
    whole = ic.effective_robustness(given).per_shift["imagenet_r"]
    on_classes = ic.effective_robustness({**given, "imagenet_on_r_classes": 92.0})
    found = on_classes.per_shift["imagenet_r"]
    assert (whole.imagenet, whole.imagenet_images) == (76, 50_000)
    assert (found.imagenet, found.imagenet_images) == (pytest.approx(92), 10_000)
    assert on_classes.imagenet == 76 and found.robustness != whole.robustness


def test_measured_accuracies_have_their_number_of_images():
    values = np.random.default_rng(0).normal(size=(240, 6))
    own = ic.accuracy(values, head=np.eye(6), classes=np.arange(240) % 6)
    found = ic.effective_robustness({"imagenet": own, "imagenet_v2": own})
    value, same = own.accuracy.value, {"imagenet": 240, "imagenet_v2": 240}
    again = ic.effective_robustness({"imagenet": value, "imagenet_v2": value}, images=same)
    assert found.robustness == again.robustness


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"imagenet": 0.76}, ValueError, "is it 76?"),
        ({"imagenet": 762}, ValueError, "imagenet 762"),
        ({"imagenet": float("nan")}, ValueError, "imagenet nan"),
        ({"imagenet": "many"}, TypeError, "imagenet: .*'many'"),
        ({"imagenet_c": 40.0}, ValueError, "imagenet_c: .*imagenet_sketch"),
    ],
)
def test_refuses_what_is_no_percentage_of_a_known_set(changes, error, said):
    with pytest.raises(error, match=said):
        ic.effective_robustness({"imagenet": 76.2, "imagenet_v2": 70.1, **changes})


def test_needs_imagenet_and_a_shift():
    for given, said in (({"imagenet_v2": 70.1}, "imagenet"), ({"imagenet": 76.2}, "no shift")):
        with pytest.raises(ValueError, match=said):
            ic.effective_robustness(given)
    with pytest.raises(ValueError, match="images of imagenet"):
        ic.effective_robustness({"imagenet": 76.2, "imagenet_v2": 70}, images={"imagenet": 0})
    found = ic.effective_robustness({"imagenet": 76.2, "imagenet_a": 0.2})
    assert found.shift_accuracy == pytest.approx(0.2)
