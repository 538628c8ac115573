"""Stage `robustness` on the accuracies and the lines that it names."""

from pathlib import Path

import pytest

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.results import read_result
from interpreting_clip.formats.saved_activations import write_card as write_activations_card
from interpreting_clip.measures.effective_robustness import (
    EffectiveRobustness,
    Settings,
    effective_robustness,
)
from interpreting_clip.measures.prunable import Prunable, prunable
from interpreting_clip.measures.result import plain
from tests.integration.stages.two_encoders import (
    FEATURES,
    HELD,
    IMAGES,
    KEYS,
    LINES,
    RESAMPLED,
    accuracy,
    result,
    write_pruning,
)

pytestmark = pytest.mark.usefixtures("tiny")


def robustness(key: str) -> EffectiveRobustness:
    return read_result(Path(f"data/robustness/{key}/robustness.json"), EffectiveRobustness)


def values(part):
    """Return the numbers of a result, to the digits that are stored."""
    if isinstance(part, dict):
        return {key: values(one) for key, one in part.items()}
    if isinstance(part, list):
        return [values(one) for one in part]
    return pytest.approx(part, abs=1e-5) if isinstance(part, float) else part


@pytest.mark.parametrize("key", KEYS)
def test_robustness(run, key):
    write_pruning(key)
    run("robustness", key)
    found = robustness(key)
    measured = {name: accuracy(key, name) for name in TEST_SETS}
    assert len({one.fraction for one in measured.values()}) > 3
    at = {shift: accuracy(key, "imagenet_val", shift) for shift in TESTBED_SHIFTS}
    assert {one.images for one in at.values()} == {16, 24, 40}
    expected = effective_robustness(
        measured["imagenet_val"],
        {shift: measured[shift] for shift in TESTBED_SHIFTS},
        lines=LINES,
        resampled=RESAMPLED,
        starts=at,
        settings=Settings(confidence=0.8, seed=5),
    )
    assert plain(found) == values(plain(expected))
    assert {one.images for one in found.shifts.values()} == {IMAGES}
    assert {s: one.classes for s, one in found.shifts.items()} == {
        shift: len(HELD[shift]) for shift in TESTBED_SHIFTS
    }
    assert found.robustness and found.robustness.ends[0] < found.robustness.ends[1]


def change_baseline(**parts) -> None:
    file = Path("data/baseline/baseline.json")
    write_json(file, read_json(file) | parts)


def test_a_shift_of_other_classes_has_an_accuracy_alone(run):
    classes = result("data/baseline/baseline.json")["classes"]
    change_baseline(classes=classes | {"imagenet_r": [1, 2, 3]})
    write_pruning("first")
    run("robustness", "first")
    found = robustness("first")
    assert "2 of the 3 classes" in found.per_shift["imagenet_r"].left_out
    assert {*found.compared} == {*TESTBED_SHIFTS} - {"imagenet_r"} and found.robustness
    assert found.per_shift["imagenet_r"].accuracy.value == pytest.approx(
        100 * accuracy("first", "imagenet_r").fraction, abs=1e-5
    )


def test_without_a_shift_that_was_not_given_there_is_no_mean(run):
    write_pruning("first")
    run("robustness", "first")
    whole = robustness("first")
    folder, missing = Path("data/activations/first"), ["imagenet_r", "imagenet_a"]
    shifts = [shift for shift in TESTBED_SHIFTS if shift not in missing]
    write_activations_card(folder, "rectified", FEATURES, shifts, [*missing, "own"])
    run("robustness", "first")
    found = robustness("first")
    assert found.not_given == missing and not whole.not_given
    assert found.robustness is found.shift_accuracy is None
    # The numbers of the others stay the same.
    assert plain(found.per_shift) == {s: plain(whole.per_shift[s]) for s in found.compared}
    assert result("data/robustness/first/prunable.json")["robustness"] is None


@pytest.mark.parametrize("abscissa", ["all_classes", "shift_classes"])
def test_accuracies_and_pruned_ones_are_compared_at_the_baseline_s_abscissa(run, abscissa):
    starts = {shift: on_classes(shift) for shift in TESTBED_SHIFTS}
    if abscissa == "all_classes":
        starts = dict.fromkeys(TESTBED_SHIFTS, "imagenet")
        change_baseline(abscissa=starts)
    curves = write_pruning("first")
    run("robustness", "first")
    held = "imagenet_val" if abscissa == "all_classes" else "imagenet_r"
    at = accuracy("first", "imagenet_val", held)
    one = robustness("first").per_shift["imagenet_r"]
    assert (one.imagenet, one.imagenet_images) == (pytest.approx(100 * at.fraction), at.images)
    found = read_result(Path("data/robustness/first/prunable.json"), Prunable)
    expected = prunable(curves, LINES, starts=starts, harmless=20.0)
    assert plain(found) == values(plain(expected))
