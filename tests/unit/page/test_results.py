"""Which shifts a study measures, and what is refused of its results."""

from dataclasses import replace
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from page.results import checked_layers, first_complete, measured_shifts, moved
from tests.unit.page.conftest import read
from tests.unit.page.made_results import SHIFTS, comparison


def test_layers_fit_their_matrix_and_the_largest_change_leaves_out_those_without_a_rest():
    whole = comparison("rn_web_broad", "vit_web_broad")
    assert checked_layers(whole, Path("pair.json")) is whole and moved(whole) == 0
    with pytest.raises(InputError, match=r"pair\.json: expected 6 × 5 CKA values"):
        checked_layers(replace(whole, cka=whole.cka[1:]), Path("pair.json"))
    rest = (whole.cka - 0.25).tolist()
    rest[0] = [None] * len(rest[0])
    assert moved(replace(whole, without_outliers=rest)) == pytest.approx(0.25)


def test_a_study_measures_the_shifts_that_its_encoders_have_or_were_not_given(study):
    assert measured_shifts(read(study)) == measured_shifts([]) == list(SHIFTS)
    robustness = study["results"]["rn_web_broad"]["robustness"]  # the first encoder's
    del robustness["per_shift"]["imagenet_v2"]
    robustness |= {"not_given": ["imagenet_v2"], "robustness": None}
    first, second, *_ = encoders = read(study)
    assert measured_shifts(encoders) == list(SHIFTS)
    assert measured_shifts([first]) == list(SHIFTS[1:])
    assert first_complete(encoders) is second
    assert first_complete([first]) is first and first_complete([]) is None


def test_encoders_of_different_shifts_are_refused(fewer):
    assert measured_shifts(read(fewer)) == list(SHIFTS[:3])
    del fewer["results"]["rn_supervised"]["robustness"]["per_shift"]["imagenet_r"]
    with pytest.raises(InputError, match=r"rn_supervised\.json: measured on the shifts"):
        measured_shifts(read(fewer))
