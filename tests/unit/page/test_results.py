"""Which shifts a study measures, and what is refused of its results."""

from dataclasses import replace
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from page.results import checked_layers, first_complete, measured_shifts, moved
from tests.unit.page.conftest import read
from tests.unit.page.made_results import SHIFTS, comparison


def test_a_matrix_that_does_not_fit_its_layers_is_refused():
    whole = comparison("rn_web_broad", "vit_web_broad")
    assert checked_layers(whole, Path("pair.json")) is whole
    with pytest.raises(InputError, match=r"pair\.json: expected 6 × 5 CKA values"):
        checked_layers(replace(whole, cka=whole.cka[1:]), Path("pair.json"))


def test_the_largest_change_leaves_out_layers_without_a_rest():
    whole = comparison("rn_web_broad", "vit_web_broad")
    rest = whole.cka - 0.25
    rest[0, 0] -= 0.5
    lists = [[None if i == 0 else x for i, x in enumerate(row)] for row in rest.tolist()]
    assert moved(whole) == 0
    assert moved(replace(whole, without_outliers=lists)) == pytest.approx(0.25)


def test_a_study_measures_the_shifts_that_its_encoders_have(encoders, fewer):
    assert measured_shifts(encoders) == measured_shifts([]) == list(SHIFTS)
    assert measured_shifts(read(fewer)) == ["imagenet_v2", "imagenet_r", "imagenet_sketch"]


def test_a_shift_that_was_not_given_is_one_of_the_study(study):
    robustness = study["results"]["rn_web_broad"]["robustness"]  # the first encoder's
    del robustness["per_shift"]["imagenet_v2"]
    robustness |= {"not_given": ["imagenet_v2"], "robustness": None}
    encoders = read(study)
    first = first_complete(encoders)
    assert measured_shifts(encoders) == list(SHIFTS)
    assert measured_shifts(encoders[:1]) == list(SHIFTS[1:])
    assert first is not None and first.key == "rn_web_broad_finetuned"
    assert first_complete(encoders[:1]) is encoders[0] and first_complete([]) is None


def test_encoders_of_different_shifts_are_refused(fewer):
    del fewer["results"]["rn_supervised"]["robustness"]["per_shift"]["imagenet_r"]
    with pytest.raises(InputError, match=r"rn_supervised\.json: measured on the shifts"):
        measured_shifts(read(fewer))
