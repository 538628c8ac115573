"""The benchmark of a GPU runs on next to nothing, and tells what computes something else."""

import numpy as np
import pytest

from benchmarks import gpu
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
