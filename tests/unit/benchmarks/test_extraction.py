"""The benchmark of the extraction, on a few photographs and the smallest CLIP."""

import ast

import numpy as np
import pytest
import torch

from benchmarks import extraction
from benchmarks.extraction import Extracted, Task, model_rows, write_inputs
from benchmarks.tables import ROOT, Cost

IMAGES = 8


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> Task:
    folder = tmp_path_factory.mktemp("inputs") / "once"
    write_inputs(folder, "ViT-S-32-alt", IMAGES)
    return Task(folder, "ViT-S-32-alt", 4, torch.get_num_threads())


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_all_ways_lead_to_the_same_activations(task, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    ways = (extraction.bare, extraction.tuned_bare, extraction.ours, extraction.clip_benchmark)
    runs = [way(task) for way in ways]
    assert all(run.seconds > 0 for run in runs)
    assert runs[0].features.shape == (IMAGES, 256)
    for run in runs[1:]:
        assert extraction.largest_difference(run.features, runs[0].features) < 1e-5


def costs(**seconds: float) -> dict[str, list[Cost]]:
    rows = np.eye(4, 5, dtype=np.float32)
    ways = ("bare", "bare, tuned", "ours", "clip_benchmark", "thingsvision")
    found = {way: seconds.get(way.replace(", ", "_")) for way in ways}
    return {
        way: [] if spent is None else [Cost(Extracted(rows, spent), spent, 100.0)] * 2
        for way, spent in found.items()
    }


def test_ours_is_held_against_the_faster_bare_loop():
    measured = costs(bare=2.0, bare_tuned=1.0, ours=1.25, clip_benchmark=4.0)
    rows = {row.what: row for row in model_rows("M", 4, measured, 100.0)}
    assert rows["M: ours"].measured == "3.2 images/s"
    assert rows["… ours over bare, tuned"] == (
        "… ours over bare, tuned",
        "0.800",
        "at least 0.95",
    )
    assert rows["… ours over clip_benchmark"].measured == "3.200"
    assert rows["… ours: largest difference to bare"].measured == "0e+00"


def test_what_cannot_be_had_is_said():
    measured = costs(bare=2.0, bare_tuned=1.0, ours=1.25, clip_benchmark=4.0)
    rows = {row.what: row.measured for row in model_rows("M", 4, measured, 100.0)}
    assert rows["M: thingsvision"] == "not installable"
    assert rows["… ours over thingsvision"] == "not measured"


def test_thingsvision_is_asked_by_a_script_that_needs_nothing_of_ours():
    tree = ast.parse((ROOT / "benchmarks/thingsvision_features.py").read_text())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [name for name in imported if name and name.startswith(("stages", "benchmarks"))]
