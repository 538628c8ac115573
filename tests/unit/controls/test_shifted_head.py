import numpy as np
import pytest

from interpreting_clip.controls import shifted_head
from interpreting_clip.controls.shifted_head import shift_controls
from interpreting_clip.measures.singular_directions import singular_directions
from tests.unit.controls.conftest import wrong

TENTHS = [i / 10 for i in range(10)]


@pytest.mark.parametrize("seed", range(2))
def test_a_vector_added_to_every_class_changes_nothing_of_the_centred_head(seed):
    controls = shift_controls(TENTHS, seed)
    assert wrong(controls) == [] and len(controls) == 8


def test_directions_that_are_not_centred_are_seen(monkeypatch):
    monkeypatch.setattr(
        shifted_head,
        "singular_directions",
        lambda weight, centre="none": singular_directions(weight),
    )
    assert len(wrong(shift_controls(TENTHS, 0))) >= 1


def test_a_first_direction_that_is_always_centred_is_seen(monkeypatch):
    monkeypatch.setattr(
        shifted_head,
        "singular_directions",
        lambda weight, centre="none": singular_directions(weight, "classes"),
    )
    assert len([what for what in wrong(shift_controls(TENTHS, 0)) if "not centred" in what]) == 2


def test_shares_of_a_head_that_is_not_centred_are_seen(monkeypatch):
    def shares(moment, weight, vectors):
        parts = np.sum((weight @ vectors.T) ** 2, axis=0)
        return parts * np.sum((vectors @ moment) * vectors, axis=1) / np.trace(moment)

    monkeypatch.setattr(shifted_head, "logit_variance_shares", shares)
    assert any("logit variance" in what for what in wrong(shift_controls(TENTHS, 0)))
