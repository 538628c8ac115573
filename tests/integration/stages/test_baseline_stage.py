"""Stage `baseline`, of published standard models and of those that are trained here."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.formats.csv_tables import records
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.statistics.curved_line import ShiftLines, baseline_lines
from interpreting_clip.statistics.guessing import Guessing
from interpreting_clip.statistics.published_accuracies import (
    GUESSING,
    published_lines,
    standard_models,
)
from interpreting_clip.training import baselines
from interpreting_clip.training.saved_baseline import ChanceLevel, FittedBaseline
from runner.inputs import Inputs
from tests.integration.stages.conftest import ALIAS, merge_a_class
from tests.integration.stages.two_encoders import IMAGES, OWN_SHIFTS, require_written
from tests.pipeline.refusals import change
from tests.pipeline.workspace import NANO
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("tiny")

DATASETS, FILE = Path("data/datasets"), Path("data/baseline/baseline.json")


def rows_of(*names: str) -> list[dict[str, Any]]:
    """Return made accuracies of nine models, three of each kind."""
    return [
        {"name": f"m{i}", "family": f"kind {i // 3}"}
        | {name: 30.0 + 5 * k + i for k, name in enumerate(names)}
        for i in range(9)
    ]


OWN_MODELS = {"x": [20.0, 30.0, 39.0, 48.0, 57.0], "y": [33.0, 40.0, 55.0, 54.0, 69.0]}
"""Accuracies of standard models on ImageNet's images of a shift's classes, and on the shift."""


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the stage without the inputs that it does not read with this baseline."""
    for name in ("check", "require_unchanged"):
        monkeypatch.setattr(Inputs, name, lambda self: None)
    monkeypatch.setattr(Inputs, "md5s", lambda self: {})


@pytest.fixture
def own_shifts(tiny: None) -> None:
    """Give the study shifts of its own: one without standard models, one with a table of them."""
    facts = {"classes": list("abcde"), "source": "folder", "licence": "none", "shards": []}
    entry = {"kind": "own", "source": "folder", "folder": "x", "classes": "all", "label": "Own"}
    for (name, classes), source in zip(OWN_SHIFTS.items(), ("none", "published"), strict=True):
        card = DatasetCard(dataset=name, images=IMAGES, class_indices=classes, **facts)
        write_card(card, Path("data/shifts") / name)
        change(shifts={name: entry | {"baseline": source}})
    Path("data/baselines").mkdir()
    rows = [f"m{i},{x},{x},{y}" for i, (x, y) in enumerate(zip(*OWN_MODELS.values(), strict=True))]
    table = "\n".join(["model,imagenet,imagenet_on_classes,shift", *rows, ""])
    Path("data/baselines/listed.csv").write_text(table)


def fitted(lines: ShiftLines, guessing: Any, found: FittedBaseline, **parts: Any) -> FittedBaseline:
    """Return a baseline of these lines, with the classes of the one that was found."""
    known = {s: guessing[s] for s in lines.lines}
    chance = {s: ChanceLevel(100 * g.accuracy, 100 * g.above) for s, g in known.items()}
    return FittedBaseline(**vars(lines), chance=chance, classes=found.classes, **parts)


@pytest.mark.parametrize("abscissa", ["shift_classes", "all_classes"])
def test_the_published_baseline_is_that_of_the_testbed(abscissa):
    change(baseline={"abscissa": abscissa})
    run_stage("baseline")
    found = read_result(FILE, FittedBaseline)
    at_shift = abscissa == "shift_classes"
    starts = {s: on_classes(s) if at_shift else "imagenet" for s in TESTBED_SHIFTS}
    expected = fitted(
        published_lines(starts, resamples=20, seed=9),
        GUESSING,
        found,
        models=records(standard_models()),
        abscissa=starts,
        at_chance={s: [] for s in TESTBED_SHIFTS} | {"imagenet_a": ["resnet50"]},
    )
    require_written(str(FILE), expected)
    assert [len(found.classes[s]) for s in TESTBED_SHIFTS] == [1000, 200, 1000, 113, 200]


@pytest.mark.parametrize("abscissa", ["shift_classes", "all_classes"])
@pytest.mark.usefixtures("own_shifts")
def test_the_line_of_an_own_shift_is_through_the_models_of_its_table(abscissa):
    change(baseline={"abscissa": abscissa})
    run_stage("shift_baseline", "listed")
    file = Path("data/shift_baselines/listed/baseline.json")
    found = read_result(file, FittedBaseline)
    start = on_classes("listed") if abscissa == "shift_classes" else "imagenet"
    x, y = (np.array(accuracies) / 100 for accuracies in OWN_MODELS.values())
    y[:2] = np.nan  # not above chance, but in their places
    rows = zip(*OWN_MODELS.values(), strict=True)
    expected = fitted(
        baseline_lines({"listed": x}, {"listed": y}, 20, 9),
        {"listed": Guessing(IMAGES, 3)},
        found,
        models=[{"name": f"m{i}", start: x, "listed": y} for i, (x, y) in enumerate(rows)],
        abscissa={"listed": start},
        at_chance={"listed": ["m0", "m1"]},
    )
    require_written(str(file), expected)
    assert found.classes == {"imagenet": [*range(1000)], "listed": OWN_SHIFTS["listed"]}


@pytest.mark.usefixtures("own_shifts")
def test_an_own_shift_without_standard_models_has_no_line():
    run_stage("shift_baseline", "alone")
    found = read_result(Path("data/shift_baselines/alone/baseline.json"), FittedBaseline)
    assert not any(vars(found).values())


def test_the_trained_baseline_learns_from_the_train_set_alone(study, monkeypatch):
    for name in TESTBED_SHIFTS[1:]:
        shutil.copytree(DATASETS / "imagenet_v2", DATASETS / name)
    merge_a_class("imagenet_r")
    change(baseline={"source": "trained", "seed": 9})
    asked: list[Any] = []
    names = ("imagenet", *TESTBED_SHIFTS, *map(on_classes, TESTBED_SHIFTS))
    rows = rows_of(*names)
    for row in rows[:3]:  # models of fewer than three kinds are above chance
        row["imagenet_sketch"] = 0.5
    measure = lambda *given: asked.extend(given) or rows  # noqa: E731
    monkeypatch.setattr(baselines, "standard_model_accuracies", measure)
    run_stage("baseline")
    train, imagenet, shifts, seed = asked
    assert seed == 9 and list(shifts) == list(TESTBED_SHIFTS)
    for name, given in {"imagenet_train": train, "imagenet_val": imagenet, **shifts}.items():
        with open_shards(DATASETS / name) as data:
            assert given.class_indices.tolist() == data.card.class_indices
            assert given.aliases == (ALIAS if name == "imagenet_r" else {})
            np.testing.assert_array_equal(given.classes, data.classes)
            np.testing.assert_array_equal(given.images[-1], data[len(data) - 1])
    found = read_result(FILE, FittedBaseline)
    assert found.models == rows
    sets = {"imagenet": imagenet, **shifts}
    assert found.classes == {name: one.class_indices.tolist() for name, one in sets.items()}
    assert found.at_chance["imagenet_sketch"] == ["m0", "m1", "m2"]
    assert found.lines.keys() == {*TESTBED_SHIFTS} - {"imagenet_sketch"}
    x, y = ([row[n] / 100 for row in rows] for n in (on_classes("imagenet_v2"), "imagenet_v2"))
    kinds = np.arange(9) // 3
    expected = baseline_lines({"v2": np.array(x)}, {"v2": np.array(y)}, 100, 9, kinds)
    written, drawn = found.resampled["imagenet_v2"], expected.resampled["v2"]
    np.testing.assert_allclose(written.slope, drawn.slope, atol=1e-6)


def test_the_line_of_a_drawn_shift_is_through_the_trained_models(study, monkeypatch):
    shutil.copytree(DATASETS / "imagenet_v2", Path("data/shifts/mine"))
    drawn = load_tree(NANO)["shifts"]["tilted"]
    change(baseline={"source": "trained", "seed": 9}, shifts={"mine": drawn})
    asked: list[Any] = []
    names = ("imagenet", "mine", on_classes("mine"))
    rows = rows_of(*names)
    measure = lambda *given: asked.extend(given) or rows  # noqa: E731
    monkeypatch.setattr(baselines, "standard_model_accuracies", measure)
    run_stage("shift_baseline", "mine")
    _, imagenet, shifts, seed = asked
    assert seed == 9 and list(shifts) == ["mine"]
    found = read_result(Path("data/shift_baselines/mine/baseline.json"), FittedBaseline)
    assert found.models == rows
    sets = {"imagenet": imagenet, **shifts}
    assert found.classes == {name: one.class_indices.tolist() for name, one in sets.items()}
    assert found.lines.keys() == {"mine"} and found.abscissa == {"mine": on_classes("mine")}
