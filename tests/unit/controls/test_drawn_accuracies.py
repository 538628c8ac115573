from dataclasses import replace

import numpy as np
import pytest

from interpreting_clip.controls import drawn_accuracies
from interpreting_clip.controls.drawn_accuracies import robustness_controls, share_within_limit
from interpreting_clip.measures import effective_robustness, logit_line
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.logit_line import fit_line, logit
from tests.unit.controls.conftest import wrong

SHIFTS = ("imagenet_v2", "imagenet_r")


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    monkeypatch.setattr(drawn_accuracies, "MODELS", (16,))


def test_intervals_hold_the_truth_as_often_as_they_say():
    controls, coverage = robustness_controls(SHIFTS, 0.95, 60, 150, 0)
    assert wrong(controls) == [] and len(controls) == 7
    assert [(one.models, one.points) for one in coverage] == [(16, 0.0), (16, 10.0)]
    assert list(coverage[0].shifts) == list(SHIFTS)
    planted = 0.95 * 59 / 61
    assert [control.planted for control in controls[:2]] == [0, 10]
    assert controls[2].planted == pytest.approx(planted)
    assert controls[6].planted == 0.95 and controls[6].found < 1
    assert controls[2].tolerance == pytest.approx(3.5 * np.sqrt(planted * (1 - planted) / 150))


def test_one_more_model_is_in_neither_the_lines_nor_their_spread():
    # A little less often than stated: the limit leaves out how far the model is from the others.
    assert 0.75 < share_within_limit(8, SHIFTS, 0.8, 2000, 0) < 0.8


def narrow(value, draws, confidence):
    low, high = np.quantile(draws, [0.1, 0.9])
    return Estimate(float(value), float(low), float(high))


def in_percent(imagenet, shift, line):
    return np.atleast_1d(100 * (shift - (line.slope * imagenet + line.intercept)))


def flat_line(imagenet, shift):
    return replace(fit_line(imagenet, shift), slope=0.0, intercept=float(logit(shift).mean()))


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (effective_robustness, "percentile_interval", narrow),
        (effective_robustness, "above_line", in_percent),
        (logit_line, "fit_line", flat_line),
    ],
)
def test_a_broken_estimate_or_interval_is_seen(monkeypatch, module, name, broken):
    monkeypatch.setattr(module, name, broken)
    assert wrong(robustness_controls(SHIFTS[:1], 0.95, 60, 150, 0)[0])
