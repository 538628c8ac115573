import numpy as np
import pytest

from interpreting_clip.measures.nulls import rank_p_value


def test_a_value_above_all_draws_has_the_smallest_p_and_one_below_all_has_one():
    assert rank_p_value(9.0, [1.0, 2.0, 3.0]) == 1 / 4
    assert rank_p_value(0.0, [1.0, 2.0, 3.0]) == 1


def test_draws_that_equal_the_value_count_against_it():
    assert rank_p_value(2.0, [1.0, 2.0, 3.0]) == 3 / 4


@pytest.mark.parametrize("level", [0.05, 0.1, 0.33, 1.0])
def test_of_equals_each_is_at_the_top_as_often_as_the_level_says(level):
    values = np.random.default_rng(0).permutation(40).astype(float)
    found = [rank_p_value(values[i], np.delete(values, i).tolist()) for i in range(40)]
    assert sorted(found) == [(i + 1) / 40 for i in range(40)]
    assert np.count_nonzero(np.array(found) <= level) == int(level * 40)


def test_a_null_without_draws_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        rank_p_value(1.0, [])
