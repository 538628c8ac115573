"""The stages of a study that does without some of the datasets."""

from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS
from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.errors import InputError
from interpreting_clip.measures import logit_line
from interpreting_clip.measures.guessing import Guessing
from interpreting_clip.training.standard_models import LabelledImages
from stages import baseline
from tests.reads import ROOT, run_stage


@pytest.fixture
def settings() -> logit_line.Settings:
    return logit_line.Settings(source="trained", abscissa="shift_classes", seed=0, resamples=1)


def sets(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name in ("imagenet_train", *TEST_SETS)}


@pytest.mark.parametrize("name", ["imagenet_train", "imagenet_val"])
def test_standard_models_are_not_trained_without_imagenet(name, settings, tmp_path):
    folders = sets(tmp_path)
    write_absent(name, folders[name])
    with pytest.raises(InputError, match=rf"'datasets\.{name}': .*source: published"):
        baseline.trained_models(folders, settings)


def test_standard_models_are_measured_on_the_sets_that_there_are(settings, tmp_path, monkeypatch):
    folders = sets(tmp_path)
    write_absent("objectnet", folders["objectnet"])
    held = LabelledImages(np.zeros((1, 4, 4, 3), np.uint8), np.array([7]), np.array([7]))
    monkeypatch.setattr(baseline, "load", lambda name: held)
    measure = lambda *given: {"model": dict.fromkeys(["imagenet", *given[2]], 50.0)}  # noqa: E731
    monkeypatch.setattr(baseline, "standard_model_accuracies", measure)
    (model,), classes, guessing = baseline.trained_models(folders, settings)
    assert set(model) == {"name", "imagenet", *TESTBED_SHIFTS} - {"objectnet"}
    assert classes == {name: [7] for name in ("imagenet", *TESTBED_SHIFTS) if name != "objectnet"}
    assert guessing == dict.fromkeys(classes, Guessing(images=1, classes=1))


def test_without_broden_labels_and_concepts_are_absent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_absent("broden", Path("data/datasets/broden"))
    Path("params.yaml").symlink_to(ROOT / "params.yaml")
    run_stage("broden_labels")
    for name in ("broden_activations", "directions"):
        (Path("data") / name / "rn_web_broad").mkdir(parents=True)
    run_stage("broden", "rn_web_broad")
    assert is_absent(Path("data/broden_labels")) and is_absent(Path("data/concepts/rn_web_broad"))
