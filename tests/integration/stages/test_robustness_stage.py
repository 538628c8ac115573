"""Stage `robustness` on the accuracies and the lines that it names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.results import read_result, write_result
from interpreting_clip.formats.saved_activations import write_card
from interpreting_clip.measures.effective_robustness import (
    EffectiveRobustness,
    Settings,
    effective_robustness,
)
from interpreting_clip.measures.prunable import prunable
from interpreting_clip.measures.pruning import PruningCurves
from interpreting_clip.measures.result import plain
from tests.drawn_directions import filled
from tests.integration.stages.two_encoders import (
    FEATURES,
    KEYS,
    LINES,
    OWN_SHIFTS,
    RESAMPLED,
    accuracy,
    generator,
    require_written,
    residuals,
    result,
)
from tests.reads import run_stage

BASELINE, ROBUSTNESS = Path("data/baseline/baseline.json"), "data/robustness/first/robustness.json"

pytestmark = pytest.mark.usefixtures("pruned")


@pytest.fixture
def pruned(tiny: None) -> dict[str, PruningCurves]:
    """Write drawn accuracies without some directions, where nothing but these is read."""
    sets = ["imagenet", *TESTBED_SHIFTS, *map(on_classes, ("imagenet_r", "objectnet"))]
    curves = {}
    for name in sets:
        drawn = generator("pruned", name).uniform(20, 90, (4, 5)).round(6)
        own = {"accuracy": drawn[0], "other_accuracy": drawn[1], "random_accuracy": drawn[2:]}
        curves[name] = filled(PruningCurves, fractions=np.arange(5) / 5, **own)
    for key in KEYS:
        write_result(Path("data/pruning") / key / "pruning.json", curves)
    return curves


def change_baseline(**parts: dict[str, Any]) -> None:
    """Add entries to parts of the baseline."""
    baseline = read_json(BASELINE)
    write_json(BASELINE, baseline | {k: baseline[k] | part for k, part in parts.items()})


def expected(key: str, starts: dict[str, str], **own: Any) -> EffectiveRobustness:
    """Return what the measure says of an encoder; `starts` are ImageNet's classes by shift."""
    return effective_robustness(
        accuracy(key, "imagenet_val"),
        {shift: accuracy(key, shift) for shift in TESTBED_SHIFTS},
        lines=LINES,
        resampled=RESAMPLED,
        starts={shift: accuracy(key, "imagenet_val", held) for shift, held in starts.items()},
        residuals={
            shift: residuals(shift, on_classes(shift) if held else "imagenet")
            for shift, held in starts.items()
            if shift in LINES
        },
        settings=Params().read("robustness", Settings),
        **own,
    )


@pytest.mark.parametrize(("key", "classes"), [("first", "shift"), ("second", "all")])
def test_accuracies_and_pruned_ones_are_compared_at_the_baseline_s_abscissa(pruned, key, classes):
    starts = {shift: on_classes(shift) for shift in TESTBED_SHIFTS}
    at = {shift: shift for shift in TESTBED_SHIFTS}
    if classes == "all":
        starts, at = dict.fromkeys(starts, "imagenet"), dict.fromkeys(at, "")
        change_baseline(abscissa=starts)
    run_stage("robustness", key)
    found = expected(key, at)
    assert len({accuracy(key, name).fraction for name in TEST_SETS}) > 3 and found.robustness
    assert found.spread and found.spread.models == 4
    require_written(f"data/robustness/{key}/robustness.json", found)
    lines = {shift: LINES[shift] for shift in TESTBED_SHIFTS}
    share = prunable(pruned, lines, starts=starts, harmless=20.0)
    require_written(f"data/robustness/{key}/prunable.json", share)


def test_a_shift_of_other_classes_has_an_accuracy_alone():
    change_baseline(classes={"imagenet_r": [1, 2, 3]})
    run_stage("robustness", "first")
    found = read_result(Path(ROBUSTNESS), EffectiveRobustness)
    assert "2 of the 3 classes" in found.reasons["imagenet_r"]
    assert {*found.compared} == {*TESTBED_SHIFTS} - {"imagenet_r"} and found.robustness


def test_without_a_shift_that_was_not_given_there_is_no_mean():
    missing = ["imagenet_r", "imagenet_a"]
    shifts = [shift for shift in TESTBED_SHIFTS if shift not in missing]
    write_card(Path("data/activations/first"), "rectified", FEATURES, shifts, [*missing, "own"])
    run_stage("robustness", "first")
    found = read_result(Path(ROBUSTNESS), EffectiveRobustness)
    assert [*found.reasons] == [*missing, "own"]
    assert found.robustness is found.shift_accuracy is None
    # The numbers of the others stay the same.
    whole = expected("first", {shift: shift for shift in TESTBED_SHIFTS})
    rest = found.per_shift["objectnet"].robustness
    assert plain(rest) == pytest.approx(plain(whole.per_shift["objectnet"].robustness), abs=1e-5)
    assert result("data/robustness/first/prunable.json")["robustness"] is None


def test_own_shifts_stand_beside_the_mean_and_never_in_it():
    shifts = [*TESTBED_SHIFTS, *OWN_SHIFTS]
    write_card(Path("data/activations/first"), "rectified", FEATURES, shifts)
    run_stage("robustness", "first")
    left_out = result(ROBUSTNESS)["own"]["alone"]["left_out"]
    assert "alone.baseline: none" in left_out
    found = expected(
        "first",
        {shift: shift for shift in shifts},
        own={shift: accuracy("first", shift) for shift in OWN_SHIFTS},
        reasons={"alone": left_out},
    )
    require_written(ROBUSTNESS, found)
