import numpy as np
import pytest

from interpreting_clip.controls import low_rank_head
from interpreting_clip.controls.low_rank_head import head_controls
from interpreting_clip.measures import singular_directions as directions
from tests.unit.controls.conftest import wrong

TENTHS = [i / 10 for i in range(10)]


@pytest.mark.parametrize(
    ("steps", "harmless", "planted"), [(10, 1.0, 0.75), (128, 1.0, 0.75), (64, 7.0, 98 / 128)]
)
def test_all_but_the_rank_can_be_pruned_and_importances_are_the_planted_ones(
    steps, harmless, planted
):
    controls = head_controls([i / steps for i in range(steps)], harmless, 0)
    assert wrong(controls) == []
    assert controls[1].planted == planted and controls[1].tolerance == 1 / steps
    assert controls[1].found <= planted


importance = directions.importance


def without_values(activations, found):
    return importance(activations, found) / found.singular_values


def signed(activations, found):
    lengths = np.linalg.norm(activations, axis=1, keepdims=True)
    return np.abs(found.singular_values * (activations / lengths @ found.vectors.T).mean(axis=0))


@pytest.mark.parametrize("broken", [without_values, signed])
def test_broken_importances_are_seen(monkeypatch, broken):
    monkeypatch.setattr(directions, "importance", broken)
    assert wrong(head_controls(TENTHS, 1.0, 0))


def left_vectors(weight):
    right, left = map(directions.singular_directions, (weight, weight.T))
    return directions.Directions(left.vectors, right.singular_values)


def least_important_first(activations, found):
    ranked = directions.rank(activations, found)
    return directions.RankedDirections(
        ranked.vectors[::-1], ranked.singular_values[::-1], ranked.importance
    )


@pytest.mark.parametrize(
    ("name", "broken"), [("singular_directions", left_vectors), ("rank", least_important_first)]
)
def test_broken_directions_and_a_broken_order_are_seen(monkeypatch, name, broken):
    monkeypatch.setattr(low_rank_head, name, broken)
    assert wrong(head_controls(TENTHS, 1.0, 0))
