import numpy as np
import pytest

from interpreting_clip.controls import moved_images
from interpreting_clip.controls.moved_images import ruled_cka_controls
from interpreting_clip.measures.grams import OutlierLimits
from tests.unit.controls.conftest import wrong


def controls(activations, seed=0):
    return ruled_cka_controls(activations, 256, 32, OutlierLimits(6.0, 0.5), seed)


def test_one_feature_rules_the_plain_cka_alone_and_moved_images_both(activations):
    one, without_one, moved, without_moved = found = controls(activations)
    assert wrong(found) == []
    # A feature alone has a CKA of 0.2 to 0.8 with all, depending on which one is drawn.
    assert one.found < 0.8 and without_one.found > 0.95
    assert abs(moved.found) < 0.1 and without_moved.found == moved.found


@pytest.mark.parametrize("width", [8, 64])
def test_finds_what_was_planted_for_any_seed_and_few_features(activations, width):
    found = controls(activations[:, :width], seed=1)
    assert wrong(found) == []
    assert ("too few features" in found[1].what) == (width < 38)


def test_a_feature_that_never_varies_is_not_inflated(activations):
    rectified = np.where(np.arange(activations.shape[1]) % 4, 0, activations)
    assert wrong(controls(rectified)) == []


def nothing(features, _limits):
    return np.zeros(features.shape[1], bool)


def first(features, _limits):
    return np.arange(features.shape[1]) < 1


@pytest.mark.parametrize("broken", [nothing, first])
def test_outliers_that_are_not_found_are_seen(monkeypatch, activations, broken):
    monkeypatch.setattr(moved_images, "outlier_columns", broken)
    assert wrong(controls(activations))
