"""The checks of the results that the report reads."""

import re

import pytest

from stages.reporting.results import (
    measured_shifts,
    read_comparisons,
    read_encoders,
    read_published,
)
from stages.runtime.errors import InputError


def test_encoders_keep_the_order_of_the_study_and_are_numbered(study):
    keys = ["vit_supervised", "rn_web_broad"]
    found = read_encoders(keys, study["metrics"], study["series"])
    assert [(e.number, e.key) for e in found] == [(1, "vit_supervised"), (2, "rn_web_broad")]


def test_an_encoder_removed_from_the_study_is_not_read(study, read):
    study["metrics"]["gone"] = {}
    assert len(read(study)) == 11


@pytest.mark.parametrize("part", ["metrics", "series"])
def test_an_encoder_without_results_is_refused(study, part, read):
    del study[part]["rn_web_broad"]
    with pytest.raises(InputError, match=r"encoders/rn_web_broad\.json: no result"):
        read(study)


def test_a_missing_key_is_named(study, read):
    del study["metrics"]["rn_supervised"]["kurtosis"]["low"]
    with pytest.raises(InputError, match=r"rn_supervised\.json: .*`low`.*kurtosis"):
        read(study)


def test_an_unknown_training_is_refused(study, read):
    study["series"]["rn_supervised"]["training"] = "magic"
    with pytest.raises(InputError, match=r"rn_supervised\.json: .*'magic'.*training"):
        read(study)


def test_a_matrix_that_does_not_fit_its_layers_is_refused(study):
    study["comparisons"]["backbones"]["cka"].pop()
    with pytest.raises(InputError, match=re.escape("expected 6 × 5 CKA values")):
        read_comparisons(["backbones"], study["comparisons"])


def test_a_comparison_without_result_is_refused(study):
    with pytest.raises(InputError, match=r"comparisons/other\.json: no result"):
        read_comparisons(["other"], study["comparisons"])


def test_published_needs_its_lines(study):
    del study["published"]["lines"]
    with pytest.raises(InputError, match=r"metrics/published\.json: .*`lines`"):
        read_published(study["published"])


def test_a_study_measures_all_shifts_or_those_that_it_lists(encoders, fewer, read):
    assert len(measured_shifts(encoders)) == 5
    assert measured_shifts(read(fewer)) == ["imagenet_v2", "imagenet_r", "imagenet_sketch"]


def test_encoders_of_different_shifts_are_refused(fewer, read):
    fewer["metrics"]["rn_supervised"]["effective_robustness"]["shifts"] = ["imagenet_v2"]
    with pytest.raises(InputError, match=r"rn_supervised\.json: measured on the shifts"):
        measured_shifts(read(fewer))
