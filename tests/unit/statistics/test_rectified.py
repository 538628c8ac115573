from typing import Any

import numpy as np
import pytest

import interpreting_clip as ic
from interpreting_clip.statistics.rectified import FEWEST_ZEROS, zero_share

LINEAR = np.random.default_rng(0).normal(size=(60, 200))
RECTIFIED = np.maximum(LINEAR, 0)


def test_the_share_of_zeros_is_that_of_the_negative_numbers_before():
    assert zero_share(RECTIFIED, None) == np.mean(LINEAR < 0)
    rng = np.random.default_rng(1)
    assert zero_share(7 * RECTIFIED[:, rng.permutation(200)], None) == np.mean(LINEAR < 0)


def test_noise_probabilities_and_a_few_dead_features_are_not_rectified():
    positive = np.abs(LINEAR)
    dead = positive * (np.arange(200) != 3)  # a two-hundredth
    for values in (LINEAR, positive, dead, np.where(LINEAR < 0, LINEAR, 0)):
        assert zero_share(values, None) is None
    assert np.mean(dead == 0) < FEWEST_ZEROS
    assert zero_share(positive * (np.arange(200) > 1), None) == FEWEST_ZEROS


def test_the_record_is_believed():
    assert zero_share(RECTIFIED, "linear") is None
    assert zero_share(LINEAR, "rectified") == 0


def test_kurtosis_says_that_features_are_rectified_and_how_many_numbers_are_zero():
    found, plain = ic.kurtosis(RECTIFIED), ic.kurtosis(LINEAR)
    assert (found.representation, plain.representation) == ("rectified", None)
    percent = f"{100 * np.mean(LINEAR < 0):.0f} %"
    assert percent in repr(found) and "rectified encoders" in repr(found)
    assert "random rotations" in repr(plain) and "ectified" not in repr(plain)
    assert percent in repr(ic.outlier_features(RECTIFIED))
    assert found.isotropic is None and "Chance:" not in repr(found)
    assert ic.chart({"a": found, "b": found}).to_dict()
    recorded = ic.kurtosis(RECTIFIED, representation="linear")
    assert recorded.representation == "linear" and "ectified" not in repr(recorded)
    assert recorded.kurtosis == found.kurtosis
    assert "zeros" in found.to_dict()["outliers"] and "zeros" not in plain.to_dict()["outliers"]


def test_privileged_basis_says_that_rectified_features_differ_by_construction():
    found = ic.privileged_basis(RECTIFIED, rotations=2)
    assert "by construction" in repr(found)
    recorded = ic.privileged_basis(RECTIFIED, rotations=2, representation="linear")
    for other in (recorded, ic.privileged_basis(LINEAR, rotations=2)):
        assert "construction" not in repr(other)


def test_refuses_another_representation():
    word: Any = "sparse"
    with pytest.raises(ValueError, match=r"representation: .*'sparse'"):
        ic.kurtosis(LINEAR, representation=word)
