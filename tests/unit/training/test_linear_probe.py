"""The head of a linear probe, beside closed forms and the gradient of its objective."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

from interpreting_clip.errors import InputError
from interpreting_clip.training.linear_probe import Fit, fit_probe, hold_out
from interpreting_clip.training.probes import ProbeSettings

CLASSES, WIDTH = 5, 12


def settings(**values: Any) -> ProbeSettings:
    given = {"images_per_class": "all", "held_out": 0.2, "penalties": [0.1, 0.01, 0.001]}
    return ProbeSettings(**given | {"iterations": 1000, "tolerance": 1e-6} | values)


def drawn(images: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Return features of overlapping classes, in different units and far from zero."""
    rng = np.random.default_rng(0)
    classes = rng.permutation(images) % CLASSES
    centres = 0.7 * rng.standard_normal((CLASSES, WIDTH))
    features = centres[classes] + rng.standard_normal((images, WIDTH))
    units, offsets = 10.0 ** rng.uniform(-2, 2, WIDTH), 5 * rng.standard_normal(WIDTH)
    return (units * (features + offsets)).astype(np.float32), classes


def logits(head: Fit, features: np.ndarray) -> np.ndarray:
    return features.astype(np.float64) @ head.weight.T + head.bias


@pytest.mark.parametrize("penalty", [0.1, 0.0001])
def test_the_objective_has_no_slope_at_the_head(penalty):
    features, classes = drawn()
    head = fit_probe(features, classes, settings(penalties=[penalty])).head
    exact = features.astype(np.float64)
    standard = (exact - exact.mean(0)) / exact.std(0)
    residual = (softmax(logits(head, features), axis=1) - np.eye(CLASSES)[classes]) / len(classes)
    slope = residual.T @ standard + penalty * head.weight * exact.std(0)
    # What float32 leaves of 0.28, the largest component at zero weights.
    assert np.abs(slope).max() < 5e-5
    assert np.abs(residual.sum(0)).max() < 5e-5  # the bias is not penalised


def test_two_classes_have_the_weight_of_the_closed_form():
    """At ±1 the margin 2w solves 1 / (1 + exp(2w)) = λ w, by symmetry without a bias."""
    features = np.array([[1.0], [1.0], [-1.0], [-1.0]], np.float32) * 3 + 7
    head = fit_probe(features, np.array([1, 1, 0, 0]), settings(penalties=[0.1])).head
    weight: Any = brentq(lambda w: 1 / (1 + np.exp(2 * w)) - 0.1 * w, 0, 10)
    np.testing.assert_allclose(3 * head.weight[:, 0], [-weight, weight], rtol=1e-4)
    np.testing.assert_allclose(head.bias + 7 * head.weight[:, 0], 0, atol=1e-5)


def test_a_feature_that_varies_by_rounding_alone_has_no_weight():
    features, classes = drawn()
    noise = np.random.default_rng(1).integers(-1, 2, len(features)) * np.spacing(np.float32(0.3))
    features[:, 0] = np.float32(0.3) + noise.astype(np.float32)
    head = fit_probe(features, classes, settings(penalties=[0.001])).head
    assert np.abs(head.weight[:, 0]).max() < 1e-5
    with pytest.raises(InputError, match="one class"):
        fit_probe(features, np.zeros(len(features), int), settings())


def test_the_penalty_has_the_lowest_log_loss_on_what_is_held_out():
    features, classes = drawn()
    found = fit_probe(features, classes, settings())
    held = hold_out(classes, 0.2)
    for one in found.tried:
        alone = fit_probe(features[~held], classes[~held], settings(penalties=[one.penalty])).head
        scores = logits(alone, features[held])
        losses = -log_softmax(scores, axis=1)[np.arange(held.sum()), classes[held]]
        assert one.log_loss == pytest.approx(losses.mean(), abs=1e-4)
        assert one.accuracy == np.mean(scores.argmax(1) == classes[held])
    assert found.penalty == min(found.tried, key=lambda one: one.log_loss).penalty
    assert [one.penalty for one in found.tried] == [0.1, 0.01, 0.001]
    assert (found.images, found.held_out) == (600, held.sum())


def test_units_and_offsets_of_features_change_no_logit():
    features, classes = drawn()
    moved = (features * np.float32(1000)) + np.float32(3)
    one, other = (logits(fit_probe(x, classes, settings()).head, x) for x in (features, moved))
    np.testing.assert_allclose(one, other, atol=0.01)


def test_labels_that_mean_nothing_are_guessed_and_take_the_strongest_penalty():
    features, classes = drawn(1000)
    shuffled = np.random.default_rng(5).permutation(classes)
    found = fit_probe(features, shuffled, settings(penalties=[10.0, 0.01, 0.0001]))
    assert found.penalty == 10
    chance, deviation = 1 / CLASSES, np.sqrt(0.16 / found.held_out)
    assert abs(found.tried[0].accuracy - chance) < 4 * deviation
    assert found.tried[0].log_loss == pytest.approx(np.log(CLASSES), abs=0.02)


def test_a_share_of_each_class_is_held_out_and_at_least_one_image():
    classes = np.repeat([0, 1, 2], [20, 10, 2])
    held = hold_out(classes, 0.1)
    assert [held[classes == c].sum() for c in range(3)] == [2, 1, 1]
    assert np.flatnonzero(held[:20]).tolist() == [0, 10]


def test_a_fit_that_has_not_converged_is_refused():
    features, classes = drawn()
    with pytest.raises(InputError, match=r"heads\.probe\.iterations"):
        fit_probe(features, classes, settings(iterations=3))
