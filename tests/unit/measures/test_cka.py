import numpy as np
import pytest

from interpreting_clip.measures.cka import cka, hsic, layer_cka, minibatch_cka
from interpreting_clip.statistics.grams import LayerGrams, gram, u_center

RNG = np.random.default_rng(0)


def grams(features, size=8):
    """U-centred Gram matrices of a layer's features `[image feature]`, in minibatches."""
    parts = np.reshape(features, (-1, size, features.shape[1]))
    return np.stack([u_center(gram(part)) for part in parts])


def hsic_by_definition(first, second):
    """Eq. 3 of Nguyen et al. (2021), term by term."""
    n, ones = len(first), np.ones(len(first))
    k, m = (x @ x.T * (1 - np.eye(n)) for x in (first, second))
    square = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + square - 2 / (n - 2) * ones @ k @ m @ ones) / (n * (n - 3))


def cka_by_definition(first, second, minibatches):
    """Eq. 2 of Nguyen et al. (2021): each HSIC is averaged over the minibatches first."""
    size = len(first) // minibatches
    parts = [[x[i::minibatches][:size] for x in (first, second)] for i in range(minibatches)]
    pairs = ((0, 1), (0, 0), (1, 1))
    every = [[hsic_by_definition(part[i], part[j]) for i, j in pairs] for part in parts]
    cross, left, right = np.mean(every, axis=0)
    return cross / np.sqrt(left * right)


def drawn(*widths, images=40):
    return [RNG.normal(size=(images, width)) for width in widths]


def test_four_images_by_hand():
    # Two pairs of equal images: U is 1/3 within a pair, -1/6 across.
    matrix = u_center(gram(np.array([[1.0], [1], [-1], [-1]])))
    within, across = matrix[0, 1], matrix[0, 2]
    assert (within, across) == pytest.approx((4 / 3, -2 / 3))
    layer = {"a": matrix[None]}
    assert hsic(layer, layer).item() == pytest.approx((4 * 16 + 8 * 4) / 9 / 4)


@pytest.mark.parametrize("scale", [-3.0, 1e-5, 1e5])
def test_features_are_fully_like_themselves_rotated_scaled_and_moved(scale):
    (features,), rotation = drawn(7), np.linalg.qr(RNG.normal(size=(7, 7))).Q
    moved = scale * (features @ rotation + 5)
    assert cka(features, moved, minibatch=20).cka == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize(
    ("minibatch", "minibatches", "unused"), [(40, 1, 0), (20, 2, 0), (14, 3, 1)]
)
def test_cka_agrees_with_its_definition_in_any_precision_and_shape(minibatch, minibatches, unused):
    first, second = drawn(24, 10)
    for values, near in ((first.reshape(40, 2, 3, 4), 1e-9), (first.astype(np.float32), 1e-6)):
        found = cka(values, second, minibatch=minibatch)
        expected = cka_by_definition(first, second, minibatches)
        assert found.cka == pytest.approx(expected, abs=near)
        assert (found.images, found.minibatches, found.unused) == (40, minibatches, unused)


def test_without_the_outlier_feature_is_that_without_its_column():
    first, second = drawn(60, 30)
    first[:, 7] = RNG.normal(60, 20, 40)
    found = cka(first, second)
    assert (found.first_outliers, found.second_outliers) == (1, 0)
    rest = cka(np.delete(first, 7, axis=1), second).cka
    assert found.without_outliers == pytest.approx(rest, abs=1e-12)
    assert abs(found.cka - rest) > 1e-4
    spared = cka(first, second, outlier_sigma=8.0)
    assert spared.first_outliers == 0 and spared.without_outliers == spared.cka == found.cka
    # Unknown where nothing else varies.
    alone = cka(np.where(np.arange(60) == 7, first, 0), second)
    assert alone.first_outliers == 1 and alone.without_outliers is None


def test_unrelated_features_are_near_zero_where_the_biased_cka_is_not():
    # The biased CKA of eight images with 200 features is above 0.9.
    assert cka(*drawn(200, 200, images=800), minibatch=8).cka == pytest.approx(0, abs=0.05)


def test_layers_keep_their_order_and_have_their_own_outliers():
    stem, block, other = (grams(x) for x in drawn(3, 5, 4))
    first = LayerGrams({"stem": stem, "block": block}, {}, {"stem": 0, "block": 0})
    second = LayerGrams({"b": other, "a": stem}, {"a": block}, {"b": 0, "a": 3})
    found = layer_cka(first, second, keys=("one", "two"))
    names = found.first, found.first_layers, found.second, found.second_layers
    assert names == ("one", ["stem", "block"], "two", ["b", "a"])
    assert (found.first_outliers, found.second_outliers) == ([0, 0], [0, 3])
    np.testing.assert_array_equal(found.cka, minibatch_cka(first.whole, second.whole))
    without = minibatch_cka(first.whole, {"b": other, "a": block})
    np.testing.assert_array_equal(found.without_outliers, without)
    assert without[1, 1] == pytest.approx(1) == found.cka[0, 1]


FEATURES, CONSTANT = RNG.normal(size=(40, 6)), np.full((40, 6), 1e6)


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        (lambda: cka(FEATURES, FEATURES[1:]), "first has 40 .*second 39"),
        (lambda: cka(FEATURES, CONSTANT), "layer second: .* does not vary"),
    ],
)
def test_refuses_what_cannot_be_compared(compare, message):
    with pytest.raises(ValueError, match=message):
        compare()
