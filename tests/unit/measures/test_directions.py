import numpy as np
import pytest

from interpreting_clip.measures.directions import (
    Directions,
    importance,
    project,
    singular_directions,
)
from interpreting_clip.measures.head import random_head

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


def test_directions_that_no_image_uses_have_no_importance():
    outside = np.linalg.svd(WEIGHT).Vh[12:]
    np.testing.assert_allclose(importance(outside, DIRECTIONS), 0, atol=1e-13)
    assert importance(np.zeros((3, 30)), DIRECTIONS).tolist() == [0] * 12


def test_a_random_head_has_no_directions_in_common_with_the_head():
    drawn = random_head(WEIGHT, seed=2)
    cosines = np.abs(singular_directions(drawn).vectors @ DIRECTIONS.vectors.T)
    assert cosines.max() < 0.8


def test_projects_every_image_on_every_direction():
    plain = [[v @ h for v in DIRECTIONS.vectors] for h in ACTIVATIONS]
    np.testing.assert_allclose(project(ACTIVATIONS, DIRECTIONS, chunk_size=7), plain, atol=1e-13)


def test_refuses_an_empty_head():
    with pytest.raises(ValueError, match="zero everywhere"):
        singular_directions(np.zeros((3, 4)))


@pytest.mark.parametrize("measure", [project, importance])
def test_refuses_activations_of_another_width(measure):
    with pytest.raises(ValueError, match="the directions have 30 features"):
        measure(ACTIVATIONS[:, :20], DIRECTIONS)
