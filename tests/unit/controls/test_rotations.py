import numpy as np
import pytest

from interpreting_clip.controls import rotations
from interpreting_clip.controls.rotations import cka_controls
from interpreting_clip.measures import cka as measures
from tests.unit.controls.conftest import wrong


def test_a_rotated_copy_is_the_same_and_independent_features_are_not(activations):
    same, independent = cka_controls(activations, 256, 32, 0)
    assert wrong([same, independent]) == []
    assert same.found == pytest.approx(1, abs=1e-9) and same.tolerance < 1e-9
    assert independent.tolerance == pytest.approx(3.5 * np.sqrt(2 / (32 * 29 * 8)))


def test_the_standard_error_of_independent_features_is_the_computed_one(activations):
    found = [cka_controls(activations[:, :32], 64, 16, seed)[1] for seed in range(20)]
    spread = np.std([control.found for control in found])
    assert spread == pytest.approx(found[0].tolerance / 3.5, rel=0.35)


def biased(gram):
    """Centre as the biased HSIC does."""
    size = len(gram)
    centring = np.eye(size) - 1 / size
    return centring @ gram @ centring


def ratio_of_squares(first, second):
    return measures.hsic(first, second) / measures.hsic(first, first).max()


@pytest.mark.parametrize(
    ("name", "broken"), [("u_center", biased), ("minibatch_cka", ratio_of_squares)]
)
def test_a_broken_cka_is_seen(monkeypatch, activations, name, broken):
    monkeypatch.setattr(rotations, name, broken)
    assert wrong(cka_controls(activations, 256, 32, 0))
