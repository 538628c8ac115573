"""Stage `baseline`, of published standard models and of those that are trained here."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.formats.baseline import ChanceLevel, FittedBaseline
from interpreting_clip.formats.published_accuracies import (
    GUESSING,
    published_lines,
    standard_models,
)
from interpreting_clip.formats.results import read_result
from interpreting_clip.formats.shift_folders import write_shift_names
from interpreting_clip.formats.tables import records
from interpreting_clip.measures.guessing import Guessing
from interpreting_clip.measures.logit_line import baseline_lines
from runner.inputs import Inputs
from stages import baseline
from tests.integration.stages.conftest import ALIAS, merge_a_class
from tests.integration.stages.two_encoders import IMAGES, OWN_SHIFTS, require_written
from tests.pipeline.refusals import change
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("tiny")

DATASETS, FILE = Path("data/datasets"), Path("data/baseline/baseline.json")


OWN_MODELS = {"x": [20.0, 30.0, 39.0, 48.0, 57.0], "y": [33.0, 40.0, 55.0, 54.0, 69.0]}
"""Accuracies of standard models on ImageNet's images of a shift's classes, and on the shift."""


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the stage without the inputs that it does not read with this baseline."""
    for name in ("check", "require_unchanged"):
        monkeypatch.setattr(Inputs, name, lambda self: None)


@pytest.fixture
def own_shifts(tiny: None) -> None:
    """Give the study shifts of its own: one without standard models, one with a table of them."""
    write_shift_names(Path("data/shifts"), list(OWN_SHIFTS))
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


@pytest.mark.parametrize("abscissa", ["shift_classes", "all_classes"])
@pytest.mark.usefixtures("own_shifts")
def test_the_published_baseline_with_that_of_an_own_shift(abscissa):
    change(baseline={"abscissa": abscissa})
    run_stage("baseline")
    found, guessing = read_result(FILE, FittedBaseline), GUESSING | {"listed": Guessing(IMAGES, 3)}
    shifts = (*TESTBED_SHIFTS, "listed")
    starts = {s: on_classes(s) if abscissa == "shift_classes" else "imagenet" for s in shifts}
    x, y = (np.array(accuracies) / 100 for accuracies in OWN_MODELS.values())
    y[:2] = np.nan  # not above chance, but in their places
    fits = (
        published_lines({s: starts[s] for s in TESTBED_SHIFTS}, resamples=20, seed=9),
        baseline_lines({"listed": x}, {"listed": y}, 20, 9),
    )
    expected = FittedBaseline(
        models=records(standard_models()),
        lines={s: line for lines, _ in fits for s, line in lines.items()},
        resampled={s: drawn for _, resampled in fits for s, drawn in resampled.items()},
        abscissa=starts,
        chance={
            s: ChanceLevel(100 * guessing[s].accuracy, 100 * guessing[s].above) for s in shifts
        },
        at_chance={s: [] for s in shifts} | {"imagenet_a": ["resnet50"], "listed": ["m0", "m1"]},
        own_models=found.own_models,
        classes=found.classes,
    )
    require_written(str(FILE), expected)
    assert [model["name"] for model in found.own_models["listed"]] == [f"m{i}" for i in range(5)]
    assert found.classes["listed"] == OWN_SHIFTS["listed"]
    assert [len(found.classes[s]) for s in TESTBED_SHIFTS] == [1000, 200, 1000, 113, 200]


def test_the_trained_baseline_learns_from_the_train_set_alone(study, monkeypatch):
    for name in TESTBED_SHIFTS[1:]:
        shutil.copytree(DATASETS / "imagenet_v2", DATASETS / name)
    merge_a_class("imagenet_r")
    change(baseline={"source": "trained", "seed": 9})
    asked: list[Any] = []
    names = ("imagenet", *TESTBED_SHIFTS, *map(on_classes, TESTBED_SHIFTS))
    accuracies = {f"m{i}": {n: 30.0 + 5 * k + i for k, n in enumerate(names)} for i in range(5)}
    for i in range(3):  # fewer than three are above chance
        accuracies[f"m{i}"]["imagenet_sketch"] = 0.5
    measure = lambda *given: asked.extend(given) or accuracies  # noqa: E731
    monkeypatch.setattr(baseline, "standard_model_accuracies", measure)
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
    assert found.models == [{"name": name, **row} for name, row in accuracies.items()]
    sets = {"imagenet": imagenet, **shifts}
    assert found.classes == {name: one.class_indices.tolist() for name, one in sets.items()}
    assert found.at_chance["imagenet_sketch"] == ["m0", "m1", "m2"]
    assert found.lines.keys() == {*TESTBED_SHIFTS} - {"imagenet_sketch"}
