import numpy as np
import pytest

from interpreting_clip.controls.planted_neighbours import neighbour_controls
from interpreting_clip.measures import mutual_neighbours
from interpreting_clip.measures.mutual_neighbours import Settings

ACTIVATIONS = np.random.default_rng(5).normal(size=(80, 16))


def controls(k: int = 10, seed: int = 1) -> list[bool]:
    found = neighbour_controls(ACTIVATIONS, 64, Settings(k=k), seed)
    return [one.as_planted for one in found]


@pytest.mark.parametrize("k", [1, 10])
def test_finds_what_was_planted(k):
    assert all(controls(k, seed) == [True, True] for seed in range(10))


def test_half_of_the_groups_are_the_same():
    _, groups = neighbour_controls(ACTIVATIONS, 64, Settings(k=10), 0)
    assert 0.5 < groups.planted < 0.52 and groups.tolerance < 0.02


def test_notices_a_measure_that_takes_the_farthest_images(monkeypatch):
    def farthest(units: np.ndarray, k: int, _: np.ndarray) -> np.ndarray:
        return np.argsort(units @ units.T, axis=1)[:, :k]

    monkeypatch.setattr(mutual_neighbours, "nearest", farthest)
    assert controls() == [True, False]
