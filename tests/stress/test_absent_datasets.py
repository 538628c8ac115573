"""The laptop's study, of which hardly a dataset is to be had, from `dvc repro` to the report."""

import json
import re
from typing import Any

import pytest
import yaml

from interpreting_clip.datasets.card import is_absent
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from tests.pipeline import official_layouts as layouts
from tests.pipeline.workspace import new_workspace
from tests.reads import ROOT

ENCODER = "resnet50_untrained"
PRESENT, ABSENT = ("imagenet_r", "imagenet_sketch"), ("imagenet_v2", "objectnet", "imagenet_a")
WHOLE, PART = PRESENT


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    """Return a clone that has measured an untrained encoder on ImageNet and two shifts.

    One has an image of each class that the line is of, the other of three classes alone.
    """
    folder = tmp_path_factory.mktemp("absent")
    classes = read_imagenet_classes(ROOT / "data/reference")
    for name in ("imagenet_val", *PRESENT):
        some = classes.imagenet_r[: 3 if name == PART else None]
        layouts.write_files(folder / name, layouts.class_folders(classes, some, 1, name))
    workspace = new_workspace(folder / "clone")
    tree = fewer(yaml.safe_load((ROOT / "studies/laptop.yaml").read_text()))
    (workspace.folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    workspace.commit("A part of the laptop's study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERPRETING_CLIP_FOLDERS", str(folder))
        workspace.repro()
        yield workspace


def fewer(tree: dict[str, Any]) -> dict[str, Any]:
    """Leave of the laptop's study a small untrained encoder and three datasets, in folders."""
    datasets = tree["datasets"]
    for name in datasets:
        datasets[name] = {"kind": "absent", "source": "none"}
    for name in ("imagenet_val", *PRESENT):
        kind = name.removesuffix("_val")
        datasets[name] = {"kind": kind, "source": "folder", "folder": name, "partial": True}
    for section in ("weights", "encoders"):
        tree[section] = {ENCODER: tree[section][ENCODER]}
    backbone = tree["weights"][ENCODER]["backbone"]
    tree["backbones"] = {backbone: {"kind": "timm", "model": "test_resnet"}}
    del tree["sources"]["hub"]
    tree["comparisons"], tree["untrained"] = {}, {}  # two, or there would be an anchor
    tree["layers"] = {"images": 4, "minibatch": 4}
    tree["controls"]["encoder"] = ENCODER
    return tree


def test_nothing_is_measured_on_what_is_absent(study):
    series = json.loads((study.folder / f"plots/encoders/{ENCODER}.json").read_text())
    measured = series["measures"]
    robustness = measured["effective_robustness"]
    assert all(part[name] is None for part in (measured["accuracy"], robustness) for name in ABSENT)
    assert all(measured["accuracy"][name] is not None for name in PRESENT)
    assert robustness["shifts"] == [WHOLE] and robustness[PART] is None
    assert robustness["mean"] == robustness[WHOLE]
    assert set(measured["concepts"].values()) == {None}
    assert measured["kurtosis"]["mean"] > 1


def test_every_stage_after_an_absent_dataset_says_so(study):
    data = study.folder / "data"
    sets = [data / "datasets" / name for name in (*ABSENT, "imagenet_train", "broden")]
    assert all(map(is_absent, (*sets, data / "broden_labels", data / "concepts" / ENCODER)))


def test_the_report_says_over_which_shifts_a_mean_goes(study):
    report = (study.folder / "plots/report.html").read_text()
    text = " ".join(re.sub("<[^>]*>", " ", report).split())
    assert "mean over ImageNet-R alone" in text
    assert "No effective robustness on ImageNet-Sketch: " in text
    assert "Broden concepts that at least one direction" not in text


def test_a_second_run_runs_nothing(study):
    assert study.repro() == set()
