import json
import re

import pytest

from interpreting_clip.errors import InputError
from page.results import (
    LayerComparison,
    Metrics,
    first_complete,
    measured_shifts,
    read_result,
)
from tests.unit.page.conftest import SHIFTS, read


@pytest.fixture
def read_back(tmp_path):
    """Return a function that writes a result as JSON and reads it."""

    def write_and_read(result, kind):
        (tmp_path / "result.json").write_text(json.dumps(result))
        return read_result(tmp_path / "result.json", kind)

    return write_and_read


def test_a_result_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        read_result(tmp_path / "none.json", Metrics)


def test_a_missing_key_is_named(study, read_back):
    del study["metrics"]["rn_supervised"]["kurtosis"]["low"]
    with pytest.raises(InputError, match=r"result\.json: .*`low`.*kurtosis"):
        read_back(study["metrics"]["rn_supervised"], Metrics)


def test_a_matrix_that_does_not_fit_its_layers_is_refused(study, read_back):
    study["comparisons"]["backbones"]["cka"].pop()
    with pytest.raises(InputError, match=re.escape("expected 6 × 5 CKA values")):
        read_back(study["comparisons"]["backbones"], LayerComparison)


def test_a_study_measures_all_shifts_or_those_that_it_lists(encoders, fewer):
    assert len(measured_shifts(encoders)) == 5
    assert measured_shifts(read(fewer)) == ["imagenet_v2", "imagenet_r", "imagenet_sketch"]


def test_a_shift_that_was_not_given_is_one_of_the_study(study):
    robustness = study["metrics"]["rn_web_broad"]["effective_robustness"]  # the first encoder's
    robustness |= {"shifts": list(SHIFTS[1:]), "not_given": ["imagenet_v2"], "mean": None}
    encoders = read(study)
    first = first_complete(encoders)
    assert measured_shifts(encoders) == list(SHIFTS)
    assert measured_shifts(encoders[:1]) == list(SHIFTS[1:])
    assert first is not None and first.key == "rn_web_broad_finetuned"
    assert first_complete(encoders[:1]) is encoders[0] and first_complete([]) is None


def test_encoders_of_different_shifts_are_refused(fewer):
    fewer["metrics"]["rn_supervised"]["effective_robustness"]["shifts"] = ["imagenet_v2"]
    with pytest.raises(InputError, match=r"rn_supervised\.json: measured on the shifts"):
        measured_shifts(read(fewer))
