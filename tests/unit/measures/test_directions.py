import numpy as np
import pytest
from scipy import stats

from interpreting_clip.measures.directions import (
    Directions,
    importance,
    mean_row,
    project,
    rotated_directions,
    singular_directions,
    spectrum_participation,
)

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(12, 30))
ACTIVATIONS = RNG.normal(size=(200, 30))
DIRECTIONS = singular_directions(WEIGHT)


def test_a_diagonal_head_has_the_axes_for_directions():
    directions = singular_directions(np.diag([2.0, -5.0, 3.0]))
    np.testing.assert_allclose(directions.singular_values, [5, 3, 2], rtol=1e-15)
    np.testing.assert_allclose(np.abs(directions.vectors), np.eye(3)[[1, 2, 0]], atol=1e-15)


def test_agrees_with_the_full_decomposition_up_to_signs():
    _, values, vectors = np.linalg.svd(WEIGHT, full_matrices=True)
    np.testing.assert_allclose(DIRECTIONS.singular_values, values, rtol=1e-13)
    cosines = np.sum(DIRECTIONS.vectors * vectors[:12], axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1, rtol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_direction_points_to_its_strongest_class(sign):
    loadings = WEIGHT @ singular_directions(sign * WEIGHT).vectors.T * sign
    strongest = np.argmax(np.abs(loadings), axis=0)
    assert np.all(loadings[strongest, np.arange(12)] > 0)


def test_rotating_the_space_rotates_the_directions():
    rotation = np.linalg.qr(RNG.normal(size=(30, 30))).Q
    turned = singular_directions(WEIGHT @ rotation)
    np.testing.assert_allclose(turned.vectors, DIRECTIONS.vectors @ rotation, atol=1e-12)
    np.testing.assert_allclose(
        importance(ACTIVATIONS @ rotation, turned), importance(ACTIVATIONS, DIRECTIONS), rtol=1e-10
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_only_rounding_is_no_direction(dtype):
    low_rank = (RNG.normal(size=(12, 4)) @ RNG.normal(size=(4, 30))).astype(dtype)
    assert len(singular_directions(low_rank).vectors) == 4


def test_importance_along_a_direction_is_its_singular_value():
    along = 7 * DIRECTIONS.vectors[2:3].repeat(5, axis=0)
    expected = np.where(np.arange(12) == 2, DIRECTIONS.singular_values, 0)
    np.testing.assert_allclose(importance(along, DIRECTIONS), expected, atol=1e-13)


def test_importance_agrees_with_one_cosine_after_another():
    plain = [
        value * np.mean([abs(v @ h) / np.linalg.norm(h) for h in ACTIVATIONS])
        for v, value in zip(DIRECTIONS.vectors, DIRECTIONS.singular_values, strict=True)
    ]
    np.testing.assert_allclose(importance(ACTIVATIONS, DIRECTIONS, chunk_size=7), plain, rtol=1e-12)


def test_importance_ignores_length_and_sign_of_activations_and_directions():
    flipped = Directions(-DIRECTIONS.vectors, DIRECTIONS.singular_values)
    scaled = ACTIVATIONS * RNG.uniform(-3, -0.1, size=(200, 1))
    found = importance(scaled, flipped)
    np.testing.assert_allclose(found, importance(ACTIVATIONS, DIRECTIONS), rtol=1e-12)


def test_centred_directions_are_those_of_the_head_minus_its_mean_row():
    found, plain = singular_directions(WEIGHT, "classes"), WEIGHT - WEIGHT.mean(axis=0)
    _, values, vectors = np.linalg.svd(plain)
    assert len(found.vectors) == 11
    np.testing.assert_allclose(found.singular_values, values[:11], rtol=1e-12)
    np.testing.assert_allclose(np.abs(np.sum(found.vectors * vectors[:11], axis=1)), 1, rtol=1e-12)


def test_a_vector_added_to_every_class_changes_no_centred_direction_but_the_first_plain_one():
    shifted, centred = WEIGHT + 50 * RNG.normal(size=30), singular_directions(WEIGHT, "classes")
    found = singular_directions(shifted, "classes")
    np.testing.assert_allclose(found.vectors, centred.vectors, atol=1e-11)
    np.testing.assert_allclose(found.singular_values, centred.singular_values, rtol=1e-12)
    first = singular_directions(shifted).vectors[0]
    assert abs(first @ DIRECTIONS.vectors[0]) < 0.8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_errors_of_a_large_mean_row_are_no_directions(dtype):
    low_rank = RNG.normal(size=(12, 4)) @ RNG.normal(size=(4, 30)) + 1e3
    assert len(singular_directions(low_rank.astype(dtype), "classes").vectors) == 4


def test_the_mean_row_has_its_share_of_the_energy_and_its_cosine():
    weight = np.array([[3.0, 1, 0, 0], [3, -1, 0, 0], [3, 0, 2, 0], [3, 0, -2, 0]])
    found = mean_row(weight)
    assert found.energy == pytest.approx(36 / 46) and found.cosine == pytest.approx(1)
    none = mean_row(weight * [0, 1, 1, 1])
    assert (none.energy, none.cosine) == (0, 0)
    assert mean_row(WEIGHT).cosine < 0.9  # of a head without structure


def test_the_spectrum_counts_directions_of_equal_energy():
    assert spectrum_participation(np.full(7, 3.0)) == pytest.approx(7)
    assert spectrum_participation(np.array([1e3, 1e-3])) == pytest.approx(1)
    values = DIRECTIONS.singular_values
    plain = np.sum(values**2) ** 2 / np.sum(values**4)
    assert spectrum_participation(values) == pytest.approx(plain)
    assert spectrum_participation(1e-200 * values) == pytest.approx(plain)


def test_a_random_head_has_the_spectrum_and_the_span_of_the_head():
    drawn = rotated_directions(DIRECTIONS, seed=2, draw=0)
    np.testing.assert_array_equal(drawn.singular_values, DIRECTIONS.singular_values)
    np.testing.assert_allclose(drawn.vectors @ drawn.vectors.T, np.eye(12), atol=1e-14)
    within = drawn.vectors @ DIRECTIONS.vectors.T
    np.testing.assert_allclose(np.sum(within**2, axis=1), 1, rtol=1e-13)
    # Its head, with the same left vectors, has these singular values.
    weight = np.linalg.svd(WEIGHT, full_matrices=False).U * drawn.singular_values @ drawn.vectors
    found = singular_directions(weight)
    np.testing.assert_allclose(found.singular_values, DIRECTIONS.singular_values, rtol=1e-13)


def test_rotations_are_uniform():
    axes = Directions(np.eye(3), np.ones(3))
    vectors = np.stack([rotated_directions(axes, 0, draw).vectors for draw in range(2000)])
    # A coordinate of a uniform unit vector in three dimensions is uniform from −1 to 1.
    for row, column in ((0, 0), (1, 2), (2, 1)):
        found = stats.kstest(vectors[:, row, column], stats.uniform(-1, 2).cdf)
        assert found.pvalue > 1e-4
    assert abs(np.linalg.det(vectors).mean()) < 4 / np.sqrt(2000)


def test_refuses_to_centre_a_head_of_equal_rows():
    with pytest.raises(ValueError, match=r"`directions\.centre`"):
        singular_directions(np.tile(RNG.normal(size=30), (12, 1)), "classes")


@pytest.mark.parametrize("measure", [project, importance])
def test_refuses_activations_of_another_width(measure):
    with pytest.raises(ValueError, match="30 features"):
        measure(ACTIVATIONS[:, :20], DIRECTIONS)
