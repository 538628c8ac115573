import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreting_clip.measures.cka import hsic
from interpreting_clip.measures.cka import minibatch_cka as cka
from interpreting_clip.measures.grams import gram, u_center

RNG = np.random.default_rng(0)


def grams(features, size=8):
    """U-centred Gram matrices of a layer's features `[image feature]`, in minibatches."""
    parts = features.reshape(-1, size, features.shape[1])
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
    # Two pairs of equal images: U is 1/3 within a pair, -1/6 across.
    matrix = u_center(gram(np.array([[1.0], [1], [-1], [-1]])))
    within, across = matrix[0, 1], matrix[0, 2]
    assert (within, across) == pytest.approx((4 / 3, -2 / 3))
    layer = {"a": matrix[None]}
    assert hsic(layer, layer).item() == pytest.approx((4 * 16 + 8 * 4) / 9 / 4)


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


def test_swapping_the_encoders_transposes_and_the_order_of_images_changes_nothing():
    first, second, order = layers(3, 5, 8, images=8), layers(4, 2, images=8), RNG.permutation(8)
    one, two = ({str(i): grams(x) for i, x in enumerate(each)} for each in (first, second))
    moved, other = ({str(i): grams(x[order]) for i, x in enumerate(e)} for e in (first, second))
    np.testing.assert_allclose(cka(one, two), cka(two, one).T, rtol=1e-13)
    np.testing.assert_allclose(cka(moved, other), cka(one, two), rtol=1e-10)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(4, 20), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31))
def test_hsic_agrees_with_its_definition(images, one, two, seed):
    generator = np.random.default_rng(seed)
    first, second = generator.normal(size=(images, one)), generator.normal(size=(images, two))
    found = hsic({"a": grams(first, images)}, {"b": grams(second, images)}).item()
    scale = np.sqrt(hsic_by_definition(first, first) * hsic_by_definition(second, second))
    assert found == pytest.approx(hsic_by_definition(first, second), abs=1e-11 * scale)


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


@pytest.mark.parametrize("value", [0.0, 1e6])
def test_refuses_a_layer_that_is_constant_and_names_it(value):
    (features,) = layers(6)
    constant = grams(np.full((40, 6), value))
    with pytest.raises(ValueError, match="layer stuck"):
        cka({"fine": grams(features)}, {"fine": grams(features), "stuck": constant})


FEATURES, TINY = layers(6)[0], np.ones((2, 3, 3))


@pytest.mark.parametrize(
    ("measure", "first", "second", "message"),
    [
        (cka, grams(FEATURES, 8), grams(FEATURES, 10), "layers a and a"),
        (cka, None, grams(FEATURES), "without layers"),
        (hsic, TINY, TINY, "of 4 images or more"),
    ],
)
def test_refuses_what_cannot_be_compared(measure, first, second, message):
    with pytest.raises(ValueError, match=message):
        measure({} if first is None else {"a": first}, {"a": second})
