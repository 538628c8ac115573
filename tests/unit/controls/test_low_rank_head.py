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


def test_broken_importances_are_seen(monkeypatch):
    monkeypatch.setattr(directions, "importance", without_values)
    assert wrong(head_controls(TENTHS, 1.0, 0))


def left_vectors(weight):
    right, left = map(directions.singular_directions, (weight, weight.T))
    return directions.Directions(left.vectors, right.singular_values)


def test_broken_directions_are_seen(monkeypatch):
    monkeypatch.setattr(low_rank_head, "singular_directions", left_vectors)
    assert wrong(head_controls(TENTHS, 1.0, 0))
