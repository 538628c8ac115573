"""The benchmark of the extraction, on a few photographs and the smallest CLIP."""

import ast

import numpy as np
import pytest
import torch

from benchmarks import extraction
from benchmarks.extraction import Extracted, Task, write_inputs
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


def test_thingsvision_is_asked_by_a_script_that_needs_nothing_of_ours():
    tree = ast.parse((ROOT / "benchmarks/thingsvision_features.py").read_text())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [name for name in imported if name and name.startswith(("stages", "benchmarks"))]
