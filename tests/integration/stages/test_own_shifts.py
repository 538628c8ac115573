"""Shifts of the study's own, in the stages `baseline` and `robustness`."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.saved_activations import write_activations
from interpreting_clip.formats.saved_activations import write_card as write_activations_card
from interpreting_clip.formats.shift_folders import write_shift_names
from interpreting_clip.measures.effective_robustness import accuracy_interval, effective_robustness
from interpreting_clip.measures.guessing import Guessing
from interpreting_clip.measures.logit_line import LogitLine, ResampledLines, baseline_lines
from tests.integration.stages.two_encoders import (
    FEATURES,
    HELD,
    IMAGES,
    KEYS,
    SETTINGS,
    accuracy,
    activations,
    result,
)
from tests.pipeline.refusals import change

pytestmark = pytest.mark.usefixtures("tiny")

OWN_SHIFTS = {
    "alone": {"baseline": "none", "classes": [1, 3]},
    "listed": {"baseline": "published", "classes": [0, 2, 4]},
}

OWN_MODELS = [(30.0 + 9 * i, 40.0 + 7 * i + i % 2) for i in range(6)]
"""Accuracies of standard models on ImageNet's images of a shift's classes, and on the shift."""


@pytest.fixture
def own_shifts(tiny: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the study shifts of its own: one without standard models, one with a table of them."""
    for name, facts in OWN_SHIFTS.items():
        monkeypatch.setitem(HELD, name, facts["classes"])
        write_card(
            DatasetCard(
                dataset=name,
                images=IMAGES,
                classes=list("abcde"),
                class_indices=facts["classes"],
                source="folder",
                licence="none",
                shards=[],
            ),
            Path("data/shifts") / name,
        )
    write_shift_names(Path("data/shifts"), list(OWN_SHIFTS))
    entry = {"kind": "own", "source": "folder", "folder": "x", "classes": "all"}
    shifts = {
        name: entry | {"label": name.title(), "baseline": facts["baseline"]}
        for name, facts in OWN_SHIFTS.items()
    }
    change(shifts=shifts)
    Path("data/baselines").mkdir()
    rows = [f"m{i},{x},{y}" for i, (x, y) in enumerate(OWN_MODELS)]
    rows.append("guesser,20,33")
    table = "\n".join(["model,imagenet_on_classes,shift", *rows])
    Path("data/baselines/listed.csv").write_text(f"{table}\n")
    for key in KEYS:
        folder = Path("data/activations") / key
        for name in OWN_SHIFTS:
            write_activations(folder, name, **vars(activations(key, name)))
        kind = "rectified" if key == "first" else "linear"
        write_activations_card(folder, kind, FEATURES, [*TESTBED_SHIFTS, *OWN_SHIFTS])


@pytest.mark.usefixtures("own_shifts")
def test_the_baseline_of_an_own_shift_is_that_of_its_table(run):
    unread = [f"data/datasets/{name}" for name in ("imagenet_train", *TEST_SETS)]
    run("baseline", unread=unread)
    found = result("data/baseline/baseline.json")
    assert found["no_baseline"] == ["alone"]
    assert found["classes"]["listed"] == [0, 2, 4]
    assert found["abscissa"]["listed"] == "imagenet_on_listed_classes"
    guessing = Guessing(IMAGES, 3)
    assert found["chance"]["listed"]["above"] == pytest.approx(100 * guessing.above, abs=1e-4)
    assert found["at_chance"]["listed"] == [
        *(f"m{i}" for i, (_, y) in enumerate(OWN_MODELS) if y < 100 * guessing.above - 1e-6),
        "guesser",
    ]
    x, y = (np.array(values) / 100 for values in zip(*OWN_MODELS, (20.0, 33.0), strict=True))
    y = np.where(y < guessing.above - 1e-6, np.nan, y)
    lines, draws = baseline_lines({"listed": x}, {"listed": y}, 20, 9)
    assert found["lines"]["listed"] == pytest.approx(asdict(lines["listed"]), rel=1e-5)
    slopes = found["resampled"]["listed"]["slope"]
    np.testing.assert_allclose(slopes, draws["listed"].slope, rtol=1e-5)
    assert [m["name"] for m in found["own_models"]["listed"]][-1] == "guesser"
    # The testbed's own lines do not know of the shift.
    write_shift_names(Path("data/shifts"), [])
    change(shifts={})
    tree = load_tree(Path("params.yaml")) | {"shifts": {}}
    Path("params.yaml").write_text(yaml.safe_dump(tree))
    run("baseline", unread=[*unread, "data/baselines"])
    without = result("data/baseline/baseline.json")
    assert without.keys() == found.keys() - {"no_baseline", "own_models"}
    for part in ("lines", "resampled", "chance", "at_chance", "abscissa", "classes"):
        assert {k: v for k, v in found[part].items() if k != "listed"} == without[part]


@pytest.mark.usefixtures("own_shifts")
def test_own_shifts_stand_beside_the_mean_and_never_in_it(run):
    key = "first"
    write_activations_card(Path("data/activations") / key, "rectified", FEATURES, TESTBED_SHIFTS)
    run("directions", key)
    run("robustness", key)
    before = result(f"data/robustness/{key}/robustness.json")
    assert "own" not in before
    names = [*TESTBED_SHIFTS, *OWN_SHIFTS]
    write_activations_card(Path("data/activations") / key, "rectified", FEATURES, names)
    baseline = result("data/baseline/baseline.json")
    line = LogitLine(0.9, -0.2, 0.8, 9, 0.3, 0.4)
    drawn = ResampledLines(np.array([0.8, 0.9, 1.0]), np.array([-0.2, 0.0, 0.1]))
    baseline["lines"]["listed"] = asdict(line)
    baseline["resampled"]["listed"] = asdict(drawn)
    baseline["abscissa"]["listed"] = on_classes("listed")
    baseline["classes"]["listed"] = [0, 2, 4]
    baseline["at_chance"]["listed"] = []
    baseline["no_baseline"] = ["alone"]
    write_json(Path("data/baseline/baseline.json"), baseline)
    run("directions", key)
    run("robustness", key)
    found = result(f"data/robustness/{key}/robustness.json")
    for part in ("effective_robustness", "pruned"):
        assert found[part] == before[part]
    curves = result(f"data/directions/{key}/directions.json")["heads"]["classes"]["accuracy"]
    settings = SETTINGS["robustness"]
    for name, facts in OWN_SHIFTS.items():
        measured, at = accuracy(key, name), accuracy(key, "imagenet_val", name)
        own = found["own"][name]
        interval = accuracy_interval(measured, settings["confidence"])
        expected = {end: 100 * value for end, value in asdict(interval).items()}
        assert own["accuracy"] == pytest.approx(expected, abs=1e-5)
        assert own["imagenet"] == pytest.approx(100 * at.fraction, abs=1e-5)
        assert own["chance"] == pytest.approx(100 / len(facts["classes"]), abs=1e-5)
        assert curves[name][0] == pytest.approx(100 * measured.fraction, abs=1e-5)
        assert curves[on_classes(name)][0] == pytest.approx(100 * at.fraction, abs=1e-5)
        assert found["images"][name] == IMAGES and found["classes"][name] == len(facts["classes"])
    assert found["own"]["alone"]["robustness"] is None
    assert "alone.baseline: none" in found["left_out"]["alone"]
    assert found["left_out"].keys() == before["left_out"].keys() | {"alone"}
    at, measured = accuracy(key, "imagenet_val", "listed"), accuracy(key, "listed")
    points = effective_robustness(at.fraction, measured.fraction, line)
    own = found["own"]["listed"]
    assert own["robustness"]["value"] == pytest.approx(points, abs=1e-5)
    assert own["extrapolated"] == line.is_extrapolated(at.fraction)
    numbers = result(f"data/robustness/{key}/numbers.json")
    assert numbers["robustness_listed"]["value"] == own["robustness"]["value"]
    assert numbers["accuracy_alone"]["chance"] == pytest.approx(50.0)
    assert numbers["robustness"]["value"] == before["effective_robustness"]["mean"]["value"]
