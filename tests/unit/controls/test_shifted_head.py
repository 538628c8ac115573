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


@pytest.mark.parametrize(("centre", "wrong_controls"), [("none", 0), ("classes", 2)])
def test_directions_of_the_same_centring_are_seen(monkeypatch, centre, wrong_controls):
    monkeypatch.setattr(
        shifted_head,
        "singular_directions",
        lambda weight, _centre="none": singular_directions(weight, centre),
    )
    found = wrong(shift_controls(TENTHS, 0))
    assert found and sum("not centred" in what for what in found) == wrong_controls


def test_shares_of_a_head_that_is_not_centred_are_seen(monkeypatch):
    def shares(moment, weight, vectors):
        parts = np.sum((weight @ vectors.T) ** 2, axis=0)
        return parts * np.sum((vectors @ moment) * vectors, axis=1) / np.trace(moment)

    monkeypatch.setattr(shifted_head, "logit_variance_shares", shares)
    assert any("logit variance" in what for what in wrong(shift_controls(TENTHS, 0)))
