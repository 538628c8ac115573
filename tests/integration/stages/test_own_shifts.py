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
from interpreting_clip.measures.effective_robustness import above_line
from interpreting_clip.measures.guessing import Guessing
from interpreting_clip.measures.logit_line import LogitLine, ResampledLines, baseline_lines
from tests.integration.stages.two_encoders import (
    FEATURES,
    HELD,
    IMAGES,
    KEYS,
    accuracy,
    activations,
    result,
    write_pruning,
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
    assert without["no_baseline"] == [] and without["own_models"] == {}
    for part in ("lines", "resampled", "chance", "at_chance", "abscissa", "classes"):
        assert {k: v for k, v in found[part].items() if k != "listed"} == without[part]


@pytest.mark.usefixtures("own_shifts")
def test_own_shifts_stand_beside_the_mean_and_never_in_it(run):
    key, folder = "first", Path("data/activations/first")
    write_pruning(key)
    write_activations_card(folder, "rectified", FEATURES, TESTBED_SHIFTS)
    run("robustness", key)
    before = result(f"data/robustness/{key}/robustness.json")
    before_pruned = result(f"data/robustness/{key}/prunable.json")
    write_activations_card(folder, "rectified", FEATURES, [*TESTBED_SHIFTS, *OWN_SHIFTS])
    baseline = result("data/baseline/baseline.json")
    line = LogitLine(0.9, -0.2, 0.8, 9, 0.3, 0.4)
    drawn = ResampledLines(np.array([0.8, 0.9, 1.0]), np.array([-0.2, 0.0, 0.1]))
    parts = {
        **{"lines": asdict(line), "resampled": asdict(drawn), "abscissa": on_classes("listed")},
        **{"classes": OWN_SHIFTS["listed"]["classes"], "at_chance": []},
    }
    for part, value in parts.items():
        baseline[part]["listed"] = value
    write_json(Path("data/baseline/baseline.json"), baseline | {"no_baseline": ["alone"]})
    run("robustness", key)
    assert result(f"data/robustness/{key}/prunable.json") == before_pruned
    found = result(f"data/robustness/{key}/robustness.json")
    own = found.pop("own")
    assert before.pop("own") == {} and found == before
    for name, facts in OWN_SHIFTS.items():
        measured, at = accuracy(key, name), accuracy(key, "imagenet_val", name)
        assert own[name]["accuracy"]["value"] == pytest.approx(100 * measured.fraction, abs=1e-5)
        assert own[name]["imagenet"] == pytest.approx(100 * at.fraction, abs=1e-5)
        assert own[name]["imagenet_images"] == at.images and own[name]["images"] == IMAGES
        assert own[name]["classes"] == len(facts["classes"])
    assert own["alone"]["robustness"] is None
    assert "alone.baseline: none" in own["alone"]["left_out"]
    at, measured = accuracy(key, "imagenet_val", "listed"), accuracy(key, "listed")
    (points,) = above_line(at.fraction, measured.fraction, line)
    assert own["listed"]["robustness"]["value"] == pytest.approx(points, abs=1e-5)
    assert own["listed"]["extrapolated"] == line.is_extrapolated(at.fraction)
