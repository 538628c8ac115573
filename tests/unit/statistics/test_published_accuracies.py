import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.statistics.logit_line import logit
from interpreting_clip.statistics.published_accuracies import (
    GUESSING,
    lines_above_chance,
    models_on_lines,
    published_lines,
    standard_models,
    without_guessing,
)


def test_the_standard_models_and_their_accuracies():
    models = standard_models()
    assert len(models) == 87 and models["family"].nunique() == 18
    (resnet,) = models[models["name"] == "resnet50"].to_dict("records")
    assert (resnet["imagenet"], resnet["imagenet_a"]) == (76.13, 0.0)
    assert resnet["imagenet_on_r_classes"] == 92.12
    assert models["imagenet_r"].isna().sum() == 5
    # Their images show all of ImageNet's classes.
    for shift in ("v2", "sketch"):
        assert (models[f"imagenet_on_{shift}_classes"] == models["imagenet"]).all()


def test_the_published_lines():
    found = published_lines(dict.fromkeys(TESTBED_SHIFTS, "imagenet"), resamples=3)
    slopes = [round(line.slope, 2) for line in found.lines.values()]
    assert slopes == [0.92, 0.91, 1.07, 1.20, 3.06]
    # Five models have no ImageNet-R accuracy, and ResNet-50 scores 0 on ImageNet-A.
    assert [line.models for line in found.lines.values()] == [87, 82, 87, 87, 86]
    assert {one.slope.shape for one in found.resampled.values()} == {(3,)}


def test_only_imagenet_a_has_a_knee():
    starts = dict.fromkeys(TESTBED_SHIFTS, "imagenet")
    found = published_lines(starts, resamples=200)
    (curve,) = found.curves.values()
    assert [*found.curves] == ["imagenet_a"]
    assert curve.knee == pytest.approx(0.7554, abs=1e-4)
    assert (curve.slope, curve.slope + curve.bend) == pytest.approx((1.04, 5.79), abs=0.01)
    knees = found.resampled_curves["imagenet_a"].knee
    assert knees is not None
    low, high = np.quantile(knees, [0.025, 0.975])
    assert 0.72 < low < curve.knee < high < 0.80
    # At an accuracy of 50 % the models of ImageNet-A are above chance, and the line still rises.
    ends = curve.predict(np.array([0.25, 0.5, 0.9]))
    assert 0 < ends[0] < ends[1] < 0.02 and 0.5 < ends[2] < 0.98


def test_most_standard_models_lie_within_the_limit_of_the_others():
    """Families are left out one by one: nominal 95 %, of models that share a family."""
    models = without_guessing(standard_models())
    starts, inside = dict.fromkeys(TESTBED_SHIFTS, "imagenet"), []
    for family in models["family"].unique():
        mine = models["family"] == family
        others = models[~mine].reset_index(drop=True)
        lines = lines_above_chance(others, GUESSING, starts, resamples=2, seed=0)
        limit = models_on_lines(others, starts, lines).limit(TESTBED_SHIFTS, 0.95)
        assert limit
        left = models_on_lines(models[mine].reset_index(drop=True), starts, lines)
        means = np.mean([*left.curved_residuals.values()], axis=0)
        allowed = np.exp(limit.level + limit.rise * logit(left.imagenet))
        inside += (np.abs(means) <= allowed)[~np.isnan(means)].tolist()
    assert len(inside) == 81
    assert 0.9 < np.mean(inside) < 0.98
