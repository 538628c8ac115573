"""Which shifts a study measures, what is refused of its results, and how numbers are written."""

from dataclasses import replace

import pytest

from page.names import format_interval, format_number, format_percent
from page.results import first_complete, measured_shifts, moved
from tests.unit.page.conftest import SHIFTS, read


def test_the_largest_change_leaves_out_layers_without_a_rest(study):
    whole = study["comparisons"][0].cka
    rest = (whole.cka - 0.25).tolist()
    rest[0] = [None] * len(rest[0])
    assert moved(replace(whole, without_outliers=rest)) == pytest.approx(0.25)


def test_a_study_measures_the_shifts_that_its_encoders_have_or_were_not_given(fewer):
    assert measured_shifts([]) == list(SHIFTS)
    robustness = fewer["results"]["rn_web_broad"]["robustness"]  # the first encoder's
    del robustness["per_shift"]["imagenet_v2"]
    robustness |= {"not_given": ["imagenet_v2"], "robustness": None}
    first, second, *_ = encoders = read(fewer)
    assert [measured_shifts(e) for e in (encoders, [first])] == [
        list(SHIFTS[:3]),
        list(SHIFTS[1:3]),
    ]
    assert first_complete(encoders) is second
    assert first_complete([first]) is first and first_complete([]) is None


def test_numbers_have_a_true_minus_no_negative_zero_and_brackets_around_an_interval():
    assert [format_number(x) for x in (-1.25, -0.01, 3.0, None)] == ["−1.2", "0.0", "3.0", "–"]
    assert format_interval(2.0, -1.0, 3.0) == "2.0 [−1.0, 3.0]"
    assert format_interval(2.0, None, 3.0) == "2.0"
    assert (format_percent(0.8), format_percent(None)) == ("80 %", "–")
