"""Stage `robustness` on the accuracies and the lines that it names."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes, result_name
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.saved_activations import write_card as write_activations_card
from interpreting_clip.measures.effective_robustness import (
    effective_robustness,
    estimate_effective_robustness,
)
from interpreting_clip.measures.pruning import prunable_fraction
from stages.robustness import MEANS
from tests.integration.stages.two_encoders import (
    FEATURES,
    HELD,
    IMAGES,
    KEYS,
    LINES,
    RESAMPLED,
    accuracy,
    result,
)

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize("key", KEYS)
def test_robustness(run, key):
    run("directions", key)
    run("robustness", key)
    found = result(f"data/robustness/{key}/robustness.json")
    measured_here = {name: accuracy(key, name) for name in TEST_SETS}
    shares = {name: one.fraction for name, one in measured_here.items()}
    assert len(set(shares.values())) > 3
    expected = {name.removesuffix("_val"): 100 * share for name, share in shares.items()}
    assert found["accuracy"] == pytest.approx(expected, abs=1e-4)
    assert found["images"] == dict.fromkeys(expected, IMAGES)
    assert found["classes"] == {result_name(name): len(held) for name, held in HELD.items()}
    at = {shift: accuracy(key, "imagenet_val", shift) for shift in TESTBED_SHIFTS}
    assert {one.images for one in at.values()} == {16, 24, 40}
    assert found["left_out"] == {}
    for shift, one in at.items():
        assert found["abscissa"][shift]["images"] == one.images
        assert found["abscissa"][shift]["accuracy"] == pytest.approx(100 * one.fraction, abs=1e-4)
    estimate = estimate_effective_robustness(
        at,
        {shift: measured_here[shift] for shift in TESTBED_SHIFTS},
        LINES,
        RESAMPLED,
        confidence=0.8,
        seed=5,
    )
    measured = found["effective_robustness"]
    outside = [s for s, line in LINES.items() if line.is_extrapolated(shares["imagenet_val"])]
    assert measured["extrapolated"] == outside
    means = {"mean": estimate.mean, "natural": estimate.natural, "style": estimate.style}
    for name, one in (estimate.shifts | means).items():
        assert measured[name] == pytest.approx(asdict(one), abs=1e-4)
        assert measured[name]["low"] < measured[name]["high"]


def change_baseline(**parts) -> None:
    file = Path("data/baseline/baseline.json")
    write_json(file, read_json(file) | parts)


def test_a_shift_of_other_classes_or_without_a_line_has_an_accuracy_alone(run):
    whole = result("data/baseline/baseline.json")
    change_baseline(
        classes=whole["classes"] | {"imagenet_r": [1, 2, 3], "objectnet": [0]},
        at_chance=whole["at_chance"] | {"imagenet_a": ["standard"]},
        **{
            part: {shift: x for shift, x in whole[part].items() if shift != "imagenet_a"}
            for part in ("lines", "resampled")
        },
    )
    run("directions", "first")
    run("robustness", "first")
    found = result("data/robustness/first/robustness.json")
    left_out = found["left_out"]
    assert left_out.keys() == {"imagenet_r", "objectnet", "imagenet_a"}
    assert "2 of the 3 classes" in left_out["imagenet_r"]
    assert "1 of the 1 classes" in left_out["objectnet"] and "1 others" in left_out["objectnet"]
    assert "1 of 1 standard models" in left_out["imagenet_a"]
    assert found["accuracy"].keys() == {result_name(name) for name in TEST_SETS}
    others = {"imagenet_v2", "imagenet_sketch"}
    assert found["effective_robustness"].keys() == {*others, *MEANS, "extrapolated"}


def test_without_a_shift_that_was_not_given_there_is_no_mean(run):
    run("directions", "first")
    run("robustness", "first")
    whole = result("data/robustness/first/robustness.json")
    folder, missing = Path("data/activations/first"), ["imagenet_r", "imagenet_a"]
    shifts = [shift for shift in TESTBED_SHIFTS if shift not in missing]
    write_activations_card(folder, "rectified", FEATURES, shifts, missing)
    run("directions", "first")
    run("robustness", "first")
    found = result("data/robustness/first/robustness.json")
    assert found["not_given"] == missing and "not_given" not in whole
    assert found["effective_robustness"].keys() == {*shifts, "extrapolated"}
    for shift in shifts:  # what there is, is the same
        assert found["accuracy"][shift] == whole["accuracy"][shift]
        assert found["effective_robustness"][shift] == whole["effective_robustness"][shift]
    assert found["pruned"]["robustness"] is None
    numbers = result("data/robustness/first/numbers.json")
    assert numbers["shifts"]["value"] is None and numbers["robustness"]["value"] is None


@pytest.mark.parametrize(
    ("abscissa", "kept"),
    [("shift_classes", {"imagenet_r", "objectnet"}), ("all_classes", set())],
)
def test_imagenet_has_to_have_the_classes_of_the_abscissa(run, abscissa, kept):
    more = list(range(9))
    classes = dict.fromkeys(("imagenet", *TESTBED_SHIFTS), more)
    classes |= {shift: HELD[shift] for shift in ("imagenet_r", "objectnet")}
    change_baseline(classes=classes)
    if abscissa == "all_classes":
        change_baseline(abscissa=dict.fromkeys(TESTBED_SHIFTS, "imagenet"))
    run("directions", "first")
    run("robustness", "first")
    found = result("data/robustness/first/robustness.json")
    assert found["left_out"].keys() == {*TESTBED_SHIFTS} - kept
    assert "5 of the 9 classes" in found["left_out"]["imagenet_v2"]
    assert found["effective_robustness"].keys() - {*MEANS, "extrapolated"} == kept


@pytest.mark.parametrize("abscissa", ["all_classes", "shift_classes"])
def test_prunable_is_by_accuracy_and_by_the_robustness_at_the_lines_of_the_baseline(run, abscissa):
    if abscissa == "all_classes":
        change_baseline(abscissa=dict.fromkeys(TESTBED_SHIFTS, "imagenet"))
    run("directions", "first")
    run("robustness", "first")
    curves = result("data/directions/first/directions.json")["heads"]["classes"]["accuracy"]
    found = result("data/robustness/first/robustness.json")
    expected = []
    for shift in TESTBED_SHIFTS:
        name = on_classes(shift) if abscissa == "shift_classes" else "imagenet"
        start = curves.get(name, curves["imagenet"])
        above = [
            effective_robustness(x / 100, y / 100, LINES[shift])
            for x, y in zip(start, curves[shift], strict=True)
        ]
        assert above[0] == pytest.approx(found["effective_robustness"][shift]["value"], abs=1e-4)
        expected.append(above)
    robust = np.mean(expected, axis=0)
    one = found["pruned"]["head"]
    assert found["pruned"]["robustness"] == pytest.approx(robust, abs=1e-4)
    fractions, imagenet = np.arange(5) / 5, np.array(curves["imagenet"])
    assert one["by_accuracy"] == prunable_fraction(fractions, imagenet, 20.0)
    assert one["by_robustness"] == prunable_fraction(fractions, robust, 20.0)
    assert one["prunable"] == min(one["by_accuracy"], one["by_robustness"])
    said = result("data/robustness/first/numbers.json")
    assert said["prunable"]["value"] == one["prunable"]
    random = [each["prunable"] for each in found["pruned"]["random_heads"]]
    assert len(random) == 2 and said["prunable"]["chance"] == pytest.approx(np.mean(random))
