"""The head of a linear probe, beside closed forms and scikit-learn's logistic regression."""

from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax

from interpreting_clip.config.probes import ProbeSettings
from interpreting_clip.errors import InputError
from interpreting_clip.training import linear_probe
from interpreting_clip.training.linear_probe import Examples, fit_probe, hold_out

CLASSES, WIDTH = 5, 12


def settings(**values: Any) -> ProbeSettings:
    given = {"images_per_class": "all", "held_out": 0.2, "penalties": [0.1, 0.01, 0.001]}
    return ProbeSettings(**given | {"iterations": 1000, "tolerance": 1e-5} | values)


def drawn(images: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return features of overlapping classes, in different units and far from zero."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(images) % CLASSES
    centres = 0.7 * rng.standard_normal((CLASSES, WIDTH))
    features = centres[classes] + rng.standard_normal((images, WIDTH))
    units, offsets = 10.0 ** rng.uniform(-2, 2, WIDTH), 5 * rng.standard_normal(WIDTH)
    return (units * (features + offsets)).astype(np.float32), classes


def standardised(features: np.ndarray) -> np.ndarray:
    exact = features.astype(np.float64)
    return (exact - exact.mean(0)) / exact.std(0)


def scikit_learn(features: np.ndarray, classes: np.ndarray, penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    strength = 1 / (penalty * len(classes))
    model = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000)
    return model.fit(standardised(features), classes)


@pytest.mark.parametrize("penalty", [0.1, 0.0001])
def test_the_head_is_scikit_learn_s_on_standardised_features(penalty):
    features, classes = drawn()
    head = fit_probe(features, classes, settings(penalties=[penalty])).head
    theirs, exact = scikit_learn(features, classes, penalty), features.astype(np.float64)
    weight = head.weight * exact.std(0)
    bias = head.bias + head.weight @ exact.mean(0)
    # as float32 in products, and a gradient of 1e-5 of the first, allow
    tolerance = 2e-3 * np.abs(theirs.coef_).max()
    np.testing.assert_allclose(weight, theirs.coef_, atol=tolerance)
    np.testing.assert_allclose(bias - bias.mean(), theirs.intercept_, atol=tolerance)
    found = (exact @ head.weight.T + head.bias).argmax(1)
    expected = theirs.predict(standardised(features))
    assert np.mean(found != expected) < 0.005  # near a boundary, rounding decides


def test_beyond_what_float32_resolves_the_fit_goes_on_in_float64(monkeypatch):
    monkeypatch.setattr(linear_probe, "SMALLEST_GAIN", 0.0)
    features, classes = drawn()
    head = fit_probe(features, classes, settings(penalties=[0.01], tolerance=1e-9)).head
    theirs = scikit_learn(features, classes, 0.01).coef_
    weight = head.weight * features.astype(np.float64).std(0)
    np.testing.assert_allclose(weight, theirs, atol=1e-7 * np.abs(theirs).max())


def test_the_penalty_has_the_lowest_log_loss_on_what_is_held_out():
    features, classes = drawn()
    found = fit_probe(features, classes, settings())
    held = hold_out(classes, 0.2)
    losses = {}
    for one in found.tried:
        alone = fit_probe(features[~held], classes[~held], settings(penalties=[one.penalty])).head
        logits = features[held] @ alone.weight.T + alone.bias
        logs = log_softmax(logits, axis=1)[np.arange(held.sum()), classes[held]]
        losses[one.penalty] = -logs.mean()
        assert one.log_loss == pytest.approx(losses[one.penalty], abs=1e-4)
        assert one.accuracy == np.mean(logits.argmax(1) == classes[held])
    assert found.penalty == min(losses, key=losses.__getitem__)
    assert [one.penalty for one in found.tried] == [0.1, 0.01, 0.001]
    assert (found.images, found.held_out) == (600, held.sum())


def test_the_last_fit_is_to_all_images_and_does_not_depend_on_where_it_began():
    features, classes = drawn()
    found = fit_probe(features, classes, settings())
    alone = fit_probe(features, classes, settings(penalties=[found.penalty])).head
    scale = features.std(0)
    np.testing.assert_allclose(found.head.weight * scale, alone.weight * scale, atol=2e-3)


def test_two_images_have_the_weight_of_the_closed_form():
    """At ±1 the margin 2w solves 1 / (1 + exp(2m)) = λ w, by symmetry without a bias."""
    from scipy.optimize import brentq

    features = np.array([[1.0], [1.0], [-1.0], [-1.0]], np.float32) * 3 + 7
    found = fit_probe(features, np.array([1, 1, 0, 0]), settings(penalties=[0.1])).head
    weight: Any = brentq(lambda w: 1 / (1 + np.exp(2 * w)) - 0.1 * w, 0, 10)
    np.testing.assert_allclose(3 * found.weight[:, 0], [-weight, weight], rtol=1e-4)
    np.testing.assert_allclose(found.bias + 7 * found.weight[:, 0], 0, atol=1e-5)


def test_units_and_offsets_of_features_change_no_logit():
    features, classes = drawn()
    moved = (features * np.float32(1000)) + np.float32(3)
    one, other = (fit_probe(x, classes, settings()).head for x in (features, moved))
    logits = [x @ f.weight.T + f.bias for x, f in ((features, one), (moved, other))]
    np.testing.assert_allclose(*(x - x.mean(1, keepdims=True) for x in logits), atol=0.02)


def test_the_objective_is_the_sum_over_images_and_has_this_gradient(monkeypatch):
    monkeypatch.setattr(linear_probe, "CHUNK", 64)
    features, classes = drawn(150)
    data = Examples(features, classes, "cpu")
    part = slice(10, 110)
    scale = data.standardisation(part)
    standard = standardised(features[part])
    rng = np.random.default_rng(1)
    point, step = rng.standard_normal((2, CLASSES, WIDTH + 1))

    def slowly(at: np.ndarray) -> float:
        losses = []
        for image, class_ in zip(standard, classes[part], strict=True):
            logits = at[:, :-1] @ image + at[:, -1]
            losses.append(np.log(np.exp(logits).sum()) - logits[class_])
        return float(np.mean(losses) + 0.03 / 2 * (at[:, :-1] ** 2).sum())

    value, gradient = data.objective(point, part, 0.03, scale)
    assert value == pytest.approx(slowly(point), rel=1e-6)
    slope = (slowly(point + 1e-5 * step) - slowly(point - 1e-5 * step)) / 2e-5
    assert np.sum(gradient * step) == pytest.approx(slope, rel=1e-5)


def test_the_same_images_give_the_same_bytes():
    features, classes = drawn()
    one, other = (fit_probe(features, classes, settings()) for _ in range(2))
    assert one.head.weight.tobytes() == other.head.weight.tobytes()
    assert one.summary == other.summary


def test_a_feature_that_never_varies_has_no_weight():
    features, classes = drawn()
    features[:, 3] = 0.1
    found = fit_probe(features, classes, settings()).head
    assert np.isfinite(found.weight).all() and np.all(found.weight[:, 3] == 0)


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
