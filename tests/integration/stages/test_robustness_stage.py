"""Stage `robustness` on the accuracies and the lines that it names."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes
from interpreting_clip.encoders.saved_activations import write_activations, write_card
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.result import plain
from interpreting_clip.formats.result_files import read_result, write_result
from interpreting_clip.measures.effective_robustness import (
    EffectiveRobustness,
    Settings,
    compare_with_lines,
    robustness_on_own_shift,
)
from interpreting_clip.measures.prunable import prunable
from interpreting_clip.measures.pruning import PruningCurves
from interpreting_clip.statistics.curved_line import ShiftLines
from interpreting_clip.statistics.standard_limit import StandardModels
from interpreting_clip.study.shift_results import ShiftResults
from interpreting_clip.training.saved_baseline import Baseline, FittedBaseline
from tests.drawn_directions import filled
from tests.integration.stages.two_encoders import (
    FEATURES,
    KEYS,
    LINES,
    MODELS,
    OWN_SHIFTS,
    RESAMPLED,
    accuracy,
    activations,
    generator,
    require_written,
    residuals,
    result,
)
from tests.pipeline.refusals import change
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
    return compare_with_lines(
        accuracy(key, "imagenet_val"),
        {shift: accuracy(key, shift) for shift in TESTBED_SHIFTS},
        lines=ShiftLines(LINES, RESAMPLED, {}, {}),
        starts={shift: accuracy(key, "imagenet_val", held) for shift, held in starts.items()},
        standard=standard(
            {shift: on_classes(shift) if held else "imagenet" for shift, held in starts.items()}
        ),
        settings=Params().read("robustness", Settings),
        **own,
    )


def standard(starts: dict[str, str]) -> StandardModels:
    """Return the standard models at these abscissas, whose lines are straight."""
    known = {shift: residuals(shift, start) for shift, start in starts.items() if shift in LINES}
    return StandardModels(np.array([model["imagenet"] for model in MODELS]) / 100, known, known)


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


@pytest.mark.parametrize(
    ("abscissa", "low"),
    [("imagenet_on_listed_classes", 0.2), ("imagenet", 0.2), ("imagenet", 0.89)],
)
def test_an_own_shift_is_measured_by_itself(abscissa, low):
    line = replace(LINES["listed"], low=low)
    baseline = filled(
        FittedBaseline,
        lines={"listed": line},
        resampled={"listed": RESAMPLED["listed"]},
        abscissa={"listed": abscissa},
        models=MODELS,
        at_chance={"listed": []},
        classes={"imagenet": [0, 1, 2, 3, 4], "listed": OWN_SHIFTS["listed"]},
    )
    write_own_shift("listed", baseline)
    run_stage("measure_shift", "entry")
    found = robustness_on_own_shift(
        "listed",
        accuracy("first", "listed"),
        accuracy("first", "imagenet_val", "" if abscissa == "imagenet" else "listed"),
        lines=baseline.shift_lines,
        standard=standard({"listed": abscissa}),
        settings=Params().read("robustness", Settings),
    )
    shown = Baseline(**{name: getattr(baseline, name) for name in Baseline.__annotations__})
    require_written("plots/shifts/entry.json", ShiftResults(robustness=found, baseline=shown))
    metrics = {"accuracy": round(found.accuracy.value, 2)}
    if found.robustness and not found.extrapolated:
        metrics["robust"] = round(found.robustness.value, 2)
    assert result("metrics/shifts/entry.json") == metrics
    assert found.extrapolated == (low > 0.5)


def test_an_own_shift_that_is_compared_with_no_standard_models_has_an_accuracy_alone():
    write_own_shift("alone", filled(FittedBaseline))
    run_stage("measure_shift", "entry")
    found = read_result(Path("plots/shifts/entry.json"), ShiftResults).robustness
    assert found.robustness is None and "alone.baseline: none" in found.left_out
    expected = accuracy("first", "imagenet_val", "alone")
    assert found.imagenet == pytest.approx(100 * expected.fraction, abs=1e-5)
    assert result("metrics/shifts/entry.json") == {"accuracy": round(found.accuracy.value, 2)}


def write_own_shift(shift: str, baseline: FittedBaseline) -> None:
    """Write the activations of the first encoder on a shift of the study's own, and its line."""
    folder = Path("data/shift_activations/entry")
    write_activations(folder, shift, **vars(activations("first", shift)))
    write_result(Path("data/shift_baselines") / shift / "baseline.json", baseline)
    change(shift_encoders={"entry": {"shift": shift, "encoder": "first"}})
