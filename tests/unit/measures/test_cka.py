import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.measures.cka import cka, hsic
from stages.measures.gram import gram, u_center

RNG = np.random.default_rng(0)


def grams(features, size=8):
    """U-centred Gram matrices of a layer's features `[image feature]`, in minibatches."""
    parts = torch.from_numpy(np.ascontiguousarray(features)).reshape(-1, size, features.shape[1])
    return np.stack([u_center(gram(part)) for part in parts])


def hsic_by_definition(first, second):
    """Eq. 3 of Nguyen et al. (2021), term by term."""
    n, ones = len(first), np.ones(len(first))
    k, m = (x @ x.T * (1 - np.eye(n)) for x in (first, second))
    square = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + square - 2 / (n - 2) * ones @ k @ m @ ones) / (n * (n - 3))


def cka_by_definition(first, second, size):
    """Eq. 2 of Nguyen et al. (2021): each HSIC is averaged over the minibatches first."""
    parts = list(zip(*(x.reshape(-1, size, x.shape[1]) for x in (first, second)), strict=True))
    cross, left, right = (
        np.mean([hsic_by_definition(part[i], part[j]) for part in parts])
        for i, j in ((0, 1), (0, 0), (1, 1))
    )
    return cross / np.sqrt(left * right)


def layers(*widths, images=40):
    return [RNG.normal(size=(images, width)) for width in widths]


def test_four_images_by_hand():
    # One pair of alike images against the other: U is 1/3 within a pair, -1/6 across.
    matrix = u_center(gram(torch.tensor([[1.0], [1], [-1], [-1]])))
    within, across = matrix[0, 1], matrix[0, 2]
    assert (within, across) == pytest.approx((4 / 3, -2 / 3))
    layer = {"a": matrix[None]}
    assert hsic(layer, layer).item() == pytest.approx((4 * 16 + 8 * 4) / 9 / 4)


def test_rows_of_a_centred_matrix_sum_to_zero():
    (features,) = layers(5)
    np.testing.assert_allclose(grams(features, 40)[0].sum(axis=1), 0, atol=1e-13 * 40)


SIZES = st.integers(6, 20)
WIDTHS = st.integers(1, 30)
SEEDS = st.integers(0, 2**31)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(SIZES, st.integers(2, 12), st.sampled_from([-3.0, 1e-5, 1e5]), SEEDS)
def test_a_layer_is_fully_like_itself_rotated_scaled_and_moved(size, width, scale, seed):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(2 * size, width))
    rotation = np.linalg.qr(generator.normal(size=(width, width))).Q
    moved = scale * (features @ rotation + 5)
    found = cka({"a": grams(features, size)}, {"b": grams(moved, size)})
    assert found[0, 0] == pytest.approx(1, rel=1e-10)


def test_a_layer_is_unlike_itself_with_the_images_in_another_order():
    (features,) = layers(10)
    assert cka({"a": grams(features)}, {"b": grams(features[::-1])})[0, 0] < 0.5


@settings(derandomize=True, deadline=None, max_examples=50)
@given(SIZES, st.integers(1, 3), WIDTHS, WIDTHS, SEEDS)
def test_cka_agrees_with_its_definition(size, minibatches, one, two, seed):
    generator = np.random.default_rng(seed)
    first, second = (generator.normal(size=(minibatches * size, width)) for width in (one, two))
    found = cka({"a": grams(first, size)}, {"b": grams(second, size)})[0, 0]
    assert found == pytest.approx(cka_by_definition(first, second, size), abs=1e-9)
    assert found <= 1 + 1e-12


def test_swapping_the_encoders_transposes_the_matrix():
    first = {str(i): grams(x) for i, x in enumerate(layers(3, 5, 8))}
    second = {str(i): grams(x) for i, x in enumerate(layers(4, 2))}
    np.testing.assert_allclose(cka(first, second), cka(second, first).T, rtol=1e-13)


def test_the_order_of_images_changes_nothing():
    one, two = layers(6, 9, images=16)
    order = RNG.permutation(16)
    moved = cka({"a": grams(one[order], 16)}, {"b": grams(two[order], 16)})
    np.testing.assert_allclose(moved, cka({"a": grams(one, 16)}, {"b": grams(two, 16)}), rtol=1e-10)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(4, 20), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31))
def test_hsic_agrees_with_its_definition(images, one, two, seed):
    generator = np.random.default_rng(seed)
    first, second = generator.normal(size=(images, one)), generator.normal(size=(images, two))
    found = hsic({"a": grams(first, images)}, {"b": grams(second, images)}).item()
    scale = np.sqrt(hsic_by_definition(first, first) * hsic_by_definition(second, second))
    assert found == pytest.approx(hsic_by_definition(first, second), abs=1e-11 * scale)


def test_minibatches_are_averaged_before_the_ratio():
    one, two = layers(6, 6)
    found = cka({"a": grams(one)}, {"b": grams(two)})[0, 0]
    ratios = [
        cka_by_definition(x, y, 8)
        for x, y in zip(one.reshape(5, 8, 6), two.reshape(5, 8, 6), strict=True)
    ]
    assert found == pytest.approx(cka_by_definition(one, two, 8), rel=1e-10)
    assert abs(found - np.mean(ratios)) > 1e-3


def test_storing_in_single_precision_moves_nothing_of_note():
    one, two = (grams(x) for x in layers(20, 30))
    exact = cka({"a": one}, {"b": two})
    stored = cka({"a": one.astype(np.float32)}, {"b": two.astype(np.float32)})
    np.testing.assert_allclose(stored, exact, atol=8 * float(np.finfo(np.float32).eps))


def test_a_large_offset_does_not_drown_the_differences():
    (features,) = layers(50)
    found = cka({"a": grams(features)}, {"b": grams(features + 1e7)})
    assert found[0, 0] == pytest.approx(1, abs=1e-9)


def test_mapped_matrices_are_read_a_minibatch_at_a_time(tmp_path):
    whole = RNG.normal(size=(64, 32, 32))
    file = np.lib.format.open_memmap(tmp_path / "grams.npy", "w+", np.float32, whole.shape)
    file[:] = [u_center(x + x.T) for x in whole]
    mapped = {name: np.load(tmp_path / "grams.npy", mmap_mode="r") for name in "abc"}
    tracemalloc.start()
    cka(mapped, mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < whole.nbytes


def test_unrelated_layers_are_near_zero_where_the_biased_cka_is_not():
    one, two = layers(200, 200, images=800)
    assert cka({"a": grams(one)}, {"b": grams(two)})[0, 0] == pytest.approx(0, abs=0.05)
    centred = [x[:8] - x[:8].mean(axis=0) for x in (one, two)]
    k, m = (x @ x.T for x in centred)
    assert np.sum(k * m) / np.linalg.norm(k) / np.linalg.norm(m) > 0.9


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_refuses_a_layer_that_is_constant_and_names_it(value):
    (features,) = layers(6)
    constant = grams(np.full((40, 6), value))
    with pytest.raises(ValueError, match="layer stuck: its output does not vary"):
        cka({"fine": grams(features)}, {"fine": grams(features), "stuck": constant})


def test_a_constant_gram_matrix_is_centred_to_exactly_zero():
    noisy = 1e6 * (1 + 1e-16 * RNG.normal(size=(8, 8)))
    assert not u_center(noisy).any()


def test_refuses_three_images():
    with pytest.raises(ValueError, match="3 images: HSIC_1 needs at least 4"):
        u_center(np.eye(3))


def test_refuses_a_gram_matrix_that_is_not_finite():
    with pytest.raises(ValueError, match="overflowed"):
        u_center(np.full((5, 5), np.inf))


def test_refuses_other_minibatches_of_a_layer_of_the_same_name():
    (features,) = layers(6)
    with pytest.raises(ValueError, match="layers a and a have minibatches"):
        cka({"a": grams(features, 8)}, {"a": grams(features, 10)})


def test_refuses_an_encoder_without_layers():
    with pytest.raises(ValueError, match="without layers"):
        cka({}, {"a": np.ones((1, 4, 4))})


def test_refuses_minibatches_of_three():
    tiny = np.ones((2, 3, 3))
    with pytest.raises(ValueError, match="of 4 images or more"):
        hsic({"a": tiny}, {"a": tiny})
