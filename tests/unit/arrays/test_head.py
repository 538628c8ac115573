import numpy as np
import pytest

from interpreting_clip.arrays.head import Head, center_classes, logits

RNG = np.random.default_rng(0)
ACTIVATIONS = RNG.normal(size=(7, 5)).astype(np.float32)
WEIGHT = RNG.normal(size=(3, 5)).astype(np.float32)
BIAS = np.array([0.5, -1.0, 2.0], dtype=np.float32)


def test_is_the_product_plus_the_bias():
    by_hand = [[float(w @ h) + b for w, b in zip(WEIGHT, BIAS, strict=True)] for h in ACTIVATIONS]
    np.testing.assert_allclose(logits(ACTIVATIONS, Head(WEIGHT, BIAS, False)), by_hand, rtol=1e-5)


def test_only_a_normalising_head_ignores_the_length_of_an_activation():
    for normalize in (True, False):
        head = Head(WEIGHT, BIAS, normalize)
        same = np.isclose(logits(4 * ACTIVATIONS, head), logits(ACTIVATIONS, head), rtol=1e-12)
        assert same.all() if normalize else not same.any()


@pytest.mark.parametrize("bias", [None, BIAS])
@pytest.mark.parametrize("normalize", [False, True])
def test_the_ranking_of_the_classes_needs_no_lengths_without_a_bias(bias, normalize):
    head = Head(WEIGHT, bias, normalize)
    assert head.for_argmax().normalize_features == (normalize and bias is not None)
    order = np.argsort(logits(ACTIVATIONS, head), axis=1)
    np.testing.assert_array_equal(np.argsort(logits(ACTIVATIONS, head.for_argmax()), axis=1), order)


def test_of_equal_classes_the_first_is_distinct():
    twice, biases = np.concatenate([WEIGHT, WEIGHT]), np.array([1.0, 2, 3, 1, 2, 4])
    kept = [Head(twice, bias, True).distinct_classes().tolist() for bias in (None, biases)]
    assert kept == [[0, 1, 2], [0, 1, 2, 5]]


def test_a_centred_head_has_no_mean_row_and_the_same_differences_of_logits():
    centred = center_classes(WEIGHT)
    assert centred.dtype == np.float64
    np.testing.assert_allclose(centred.sum(axis=0), 0, atol=1e-15 * WEIGHT.size)
    before, after = (logits(ACTIVATIONS, Head(w, BIAS, True)) for w in (WEIGHT, centred))
    np.testing.assert_allclose(np.diff(after, axis=1), np.diff(before, axis=1), atol=1e-13)
