import numpy as np
import pytest

from interpreting_clip.statistics.nulls import (
    grouped_p_value,
    holm,
    random_frame,
    random_rotation,
    rank_p_value,
    two_sided_p_value,
)


@pytest.mark.parametrize(
    ("draw", "size", "moments"),
    [
        (lambda rng: random_rotation(3, rng), 3, (0, 1 / 3, 1 / 5)),
        (lambda rng: random_frame(2, 5, rng), 2, (0, 1 / 5, 3 / 35)),
    ],
)
def test_rotations_and_their_rows_are_orthonormal_and_uniform(draw, size, moments):
    rng = np.random.default_rng(0)
    drawn = np.stack([draw(rng) for _ in range(3000)])
    products = drawn @ drawn.transpose(0, 2, 1)
    expected = np.broadcast_to(np.eye(size), products.shape)
    np.testing.assert_allclose(products, expected, atol=1e-12)
    # The moments of a coordinate of a uniform unit vector; with QR's own signs they differ.
    for power, moment in zip((1, 2, 4), moments, strict=True):
        np.testing.assert_allclose((drawn**power).mean(axis=0), moment, atol=4 / 3000**0.5)


def test_draws_that_equal_the_value_count_against_it():
    found = [rank_p_value(value, [1.0, 2.0, 3.0]) for value in (9.0, 2.0, 0.0)]
    assert found == [1 / 4, 3 / 4, 1]


def test_holm_agrees_with_its_steps_and_holds_the_errors_of_all_true_nulls():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([0.2]) == [0.2] and holm([]) == []
    rng = np.random.default_rng(0)
    # Seven true nulls that share half of their variance, each in a null of 299 draws.
    shared, own = rng.standard_normal((400, 300, 1)), rng.standard_normal((400, 300, 7))
    refused, uncorrected = [], []
    for values in shared + own:
        p_values = [two_sided_p_value(first, null) for first, *null in values.T.tolist()]
        uncorrected.append(min(p_values) <= 0.05)
        refused.append(min(holm(p_values)) <= 0.05)
    assert np.mean(refused) <= 0.075 and np.mean(uncorrected) > 0.15


def test_two_sides_are_twice_the_nearer_one_at_most_one():
    null = [1.0, 2.0, 3.0, 4.0]
    found = [two_sided_p_value(value, null) for value in (9.0, 0.0, 4.0, 2.5)]
    assert found == [2 / 5, 2 / 5, 4 / 5, 1]
    mirrored = [two_sided_p_value(-value, [-one for one in null]) for value in (9.0, 0.0, 4.0, 2.5)]
    assert mirrored == found


def test_a_two_sided_p_is_below_a_level_no_more_often_than_it_says():
    drawn = np.random.default_rng(2).standard_normal((2000, 40))
    found = np.array([two_sided_p_value(row[0], row[1:].tolist()) for row in drawn])
    # With 39 draws, 0.05 is one of the values that p has, so that the share is 0.05 itself.
    assert np.mean(found <= 0.05) == pytest.approx(0.05, abs=3.5 * (0.05 * 0.95 / 2000) ** 0.5)


def test_a_p_among_groups_has_the_error_of_their_shares():
    p_value, error = grouped_p_value(2, np.array([[1, 2, 3, 0], [0, 1, 1, 1], [2, 2, 0, 5]]))
    assert p_value == 6 / 13
    assert error == pytest.approx(np.std([2 / 4, 0, 3 / 4], ddof=1) / 3**0.5)
    assert grouped_p_value(9, np.arange(12).reshape(3, 4) % 5) == (1 / 13, 1 / 4)
    same = np.repeat([[0], [1], [9]], 4, axis=1)  # each counts once
    assert grouped_p_value(9, same) == pytest.approx((2 / 4, np.std([0, 0, 1], ddof=1) / 3**0.5))
    assert grouped_p_value(2, np.array([[1, 2, 3]])) == (3 / 4, None)
