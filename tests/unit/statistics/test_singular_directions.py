import numpy as np
import pytest

from interpreting_clip.statistics.singular_directions import (
    importance,
    rotated_directions,
    singular_directions,
)

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(12, 30))
ACTIVATIONS = RNG.normal(size=(200, 30))
DIRECTIONS = singular_directions(WEIGHT)


def test_a_diagonal_head_has_the_axes_for_directions():
    directions = singular_directions(np.diag([2.0, -5.0, 3.0]))
    np.testing.assert_allclose(directions.singular_values, [5, 3, 2], rtol=1e-15)
    np.testing.assert_allclose(np.abs(directions.vectors), np.eye(3)[[1, 2, 0]], atol=1e-15)


@pytest.mark.parametrize(
    ("centre", "weight", "count"),
    [("none", WEIGHT, 12), ("classes", WEIGHT - WEIGHT.mean(axis=0), 11)],
)
def test_agrees_with_the_full_decomposition_up_to_signs(centre, weight, count):
    found, (_, values, vectors) = singular_directions(WEIGHT, centre), np.linalg.svd(weight)
    np.testing.assert_allclose(found.singular_values, values[:count], rtol=1e-12)
    cosines = np.sum(found.vectors * vectors[:count], axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1, rtol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_direction_points_to_its_strongest_class(sign):
    loadings = WEIGHT @ singular_directions(sign * WEIGHT).vectors.T * sign
    strongest = np.argmax(np.abs(loadings), axis=0)
    assert np.all(loadings[strongest, np.arange(12)] > 0)


def test_a_rotation_of_the_space_rotates_the_directions_and_lengths_and_signs_mean_nothing():
    rotation = np.linalg.qr(RNG.normal(size=(30, 30))).Q
    turned = singular_directions(WEIGHT @ rotation)
    np.testing.assert_allclose(turned.vectors, DIRECTIONS.vectors @ rotation, atol=1e-12)
    scaled = ACTIVATIONS @ rotation * RNG.uniform(-3, -0.1, size=(200, 1))
    np.testing.assert_allclose(
        importance(scaled, turned), importance(ACTIVATIONS, DIRECTIONS), rtol=1e-10
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("offset", "centre"), [(0, "none"), (100, "classes")])
def test_what_is_only_rounding_is_no_direction(dtype, offset, centre):
    low_rank = RNG.normal(size=(120, 4)) @ RNG.normal(size=(4, 30)) + offset
    assert len(singular_directions(low_rank.astype(dtype), centre).vectors) == 4


def test_refuses_a_head_of_equal_rows():
    with pytest.raises(ValueError, match="rows of the head are equal"):
        singular_directions(np.ones((12, 30)), "classes")


def test_every_direction_of_a_smooth_spectrum_is_kept():
    # As of a real zero-shot head: the smallest are far above what float32 can do to them.
    left, right = (np.linalg.qr(RNG.normal(size=(n, 768))).Q for n in (1000, 768))
    values = np.geomspace(25, 0.003, 768)
    weight = ((left * values) @ right.T).astype(np.float32)
    np.testing.assert_allclose(singular_directions(weight).singular_values, values, atol=2e-5)
    assert len(singular_directions(weight, "classes").vectors) == 768


def test_importance_agrees_with_one_cosine_after_another():
    plain = [
        value * np.mean([abs(v @ h) / np.linalg.norm(h) for h in ACTIVATIONS])
        for v, value in zip(DIRECTIONS.vectors, DIRECTIONS.singular_values, strict=True)
    ]
    np.testing.assert_allclose(importance(ACTIVATIONS, DIRECTIONS), plain, rtol=1e-12)


def test_a_random_head_has_the_spectrum_and_the_span_of_the_head():
    drawn = rotated_directions(DIRECTIONS, seed=2, draw=0)
    np.testing.assert_array_equal(drawn.singular_values, DIRECTIONS.singular_values)
    np.testing.assert_allclose(drawn.vectors @ drawn.vectors.T, np.eye(12), atol=1e-14)
    within = drawn.vectors @ DIRECTIONS.vectors.T
    np.testing.assert_allclose(np.sum(within**2, axis=1), 1, rtol=1e-13)
