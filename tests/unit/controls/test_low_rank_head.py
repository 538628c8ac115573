import numpy as np
import pytest

from interpreting_clip.controls import low_rank_head
from interpreting_clip.controls.low_rank_head import head_controls
from interpreting_clip.measures import directions, pruning
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


def without_values(activations, found):
    return directions.importance(activations, found) / found.singular_values


def projected(activations, found):
    return found.singular_values * np.abs(activations @ found.vectors.T).mean(axis=0)


def signed(activations, found):
    lengths = np.linalg.norm(activations, axis=1, keepdims=True)
    return np.abs(found.singular_values * (activations / lengths @ found.vectors.T).mean(axis=0))


def left_vectors(weight):
    right = directions.singular_directions(weight)
    left = directions.singular_directions(weight.T)
    return directions.Directions(left.vectors, right.singular_values)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("importance", without_values),
        ("importance", projected),
        ("importance", signed),
        ("singular_directions", left_vectors),
    ],
)
def test_broken_directions_and_importances_are_seen(monkeypatch, name, broken):
    monkeypatch.setattr(low_rank_head, name, broken)
    assert wrong(head_controls(TENTHS, 1.0, 0))


def test_a_broken_order_of_pruning_is_seen(monkeypatch):
    first = lambda importance: np.argsort(-importance)  # noqa: E731
    monkeypatch.setattr(pruning, "least_important_first", first)
    assert any("Prunable" in what for what in wrong(head_controls(TENTHS, 1.0, 0)))
