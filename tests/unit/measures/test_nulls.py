import numpy as np
import pytest

from interpreting_clip.measures.nulls import random_rotation, rank_p_value


def test_rotations_are_orthogonal_and_uniform():
    rng = np.random.default_rng(0)
    drawn = np.stack([random_rotation(3, rng) for _ in range(3000)])
    products = drawn @ drawn.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), drawn.shape), atol=1e-12)
    # Each entry has mean 0, variance 1/3 and fourth moment 1/5; with QR's own signs it has not.
    for power, moment in ((1, 0), (2, 1 / 3), (4, 1 / 5)):
        np.testing.assert_allclose((drawn**power).mean(axis=0), moment, atol=4 / 3000**0.5)


def test_draws_that_equal_the_value_count_against_it():
    found = [rank_p_value(value, [1.0, 2.0, 3.0]) for value in (9.0, 2.0, 0.0)]
    assert found == [1 / 4, 3 / 4, 1]
    with pytest.raises(ValueError, match="at least one"):
        rank_p_value(1.0, [])
