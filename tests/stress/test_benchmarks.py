"""The benchmarks of a GPU and of edits run on next to nothing."""

import re
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import edits, gpu
from interpreting_clip.config.machine import Machine
from tests.unit.encoders.conftest import small_backbone

SMALL = {kind: small_backbone(kind) for kind in ("rn", "vit")}


@pytest.mark.long
def test_the_first_hour_on_a_gpu_runs_on_two_processes_of_the_cpu(monkeypatch):
    for name, value in (("IMAGES", 8), ("BATCH", 8), ("PRECISIONS", ("bfloat16",))):
        monkeypatch.setattr(gpu, name, value)
    rows = gpu.measure(Machine(batch_size=8, workers=1), 2, SMALL)
    assert [row for row in rows if row.measured.startswith("failed")] == []
    said = [row.what for row in rows]
    for stage, _ in gpu.OUTPUTS:
        assert any(what.startswith(f"`{stage}`, cpu against the CPU") for what in said)
    for stage in gpu.SHARED:
        assert any(what.startswith(f"`{stage}`, two processes on cpu against one") for what in said)
    assert sum(what == "… from JPEGs over bare passes" for what in said) == 2


def test_what_a_stage_leaves_in_npy_files_is_compared_too(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "run_stage", lambda *_: None)
    key = gpu.PROBED
    folder = tmp_path / "data/train_activations" / key
    folder.mkdir(parents=True)
    values = np.eye(3, dtype=np.float32)
    np.save(folder / "activations.npy", values)
    (arrays,) = gpu.run_and_read(tmp_path, "extract_train", key, "cpu").values()
    assert np.array_equal(arrays, values)


@pytest.mark.parametrize(
    ("expected", "found", "agrees"),
    [
        ({"a": [1.0, 200.0]}, {"a": [1.0, 200.1]}, True),
        ({"a": [1.0, 200.0]}, {"a": [1.0, 201.0]}, False),
        ({"a": [1.0, 200.0]}, {"b": [1.0, 200.0]}, False),
        ({gpu.LOSSES: [3.0, 1.0]}, {gpu.LOSSES: [3.0, 1.01]}, True),
        ({gpu.LOSSES: [3.0, 1.0]}, {gpu.LOSSES: [3.0, 1.1]}, False),
    ],
)
def test_a_device_that_computes_something_else_is_told(expected, found, agrees):
    arrays = [{name: np.array(values) for name, values in one.items()} for one in (expected, found)]
    assert gpu.line("stage", *arrays).measured.startswith("failed") != agrees


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("study.title", "Another", r"\d+ s, [\d.]+ times `dvc status`: study, report"),
        ("recipes.finetuning.rate", 0.1, "not run: .* 1 of them trainings"),
    ],
)
def test_the_cost_of_an_edit_names_what_ran_and_the_edit_is_undone(clean, path, value, expected):
    before, lock = clean.results(), clean.lock()
    clean.change(path, value)
    assert re.fullmatch(expected, edits.cost("edit", clean, 1.0).measured)
    assert clean.results() == before and clean.lock() == lock
    assert clean.run("git", "status", "--porcelain") == ""


def test_stages_are_counted_by_name():
    assert edits.counted(["study", "broden@a", "broden@b"]) == "study, broden × 2"


def test_processor_seconds_are_those_of_processes_not_of_waiting():
    busy = "import time\nwhile time.process_time() < 0.5: pass\ntime.sleep(1)"
    command = [sys.executable, "-c", busy]
    assert 0.5 <= edits.processor_seconds(lambda: subprocess.run(command, check=True)) < 1
