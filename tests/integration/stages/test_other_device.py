"""Every stage that computes on the machine's device gives there what it gives on the CPU."""

import shutil
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

from interpreting_clip.config.machine import Machine
from interpreting_clip.formats.csv_tables import read_curve
from interpreting_clip.formats.tensors import read_tensors
from tests.other_device import NAME, other_device
from tests.reads import run_stage

WRITTEN = {
    ("pretrain", "trained"): "weights",
    ("finetune", "tuned"): "weights",
    ("supervise", "labelled"): "weights",
    ("interpolate", "mixed"): "weights",
    ("head", "clip"): "heads",
    ("extract", "clip"): "activations",
    ("extract_broden", "clip"): "broden_activations",
    ("extract_layers", "clip"): "layer_grams",
    ("extract_train", "probed"): "train_activations",
    ("probe", "probed"): "weights",
    ("extract_untrained", "rn"): "untrained_activations",
}
"""The stages that compute on the device, in an order in which each finds its inputs."""


def compute(stage: str, key: str) -> tuple[dict[str, np.ndarray], list[Any]]:
    """Run a stage; return the arrays of its output, by file and name, and its training's curve."""
    folder, curve = Path("data") / WRITTEN[stage, key] / key, Path("data/training") / key
    for made in (folder, curve):
        shutil.rmtree(made, ignore_errors=True)
    run_stage(stage, key)
    arrays = {
        f"{file.relative_to(folder)} {name}": np.array(array, np.float64)
        for file in sorted(folder.rglob("*.safetensors"))
        for name, array in read_tensors(file).items()
    }
    points = read_curve(curve) if curve.exists() else []
    return arrays, [[point["step"], point["loss"]] for point in points]


@pytest.mark.usefixtures("encoders", "one_shift")
def test_every_stage_computes_on_another_device_what_it_computes_on_the_cpu(monkeypatch):
    machine = Machine(device=NAME, workers=1)
    for stage, key in WRITTEN:
        with monkeypatch.context() as patch, other_device() as device:
            patch.setattr(resolve_name(f"stages.{stage}"), "read_machine", lambda: machine)
            found, curve = compute(stage, key)
        # Later stages read what the CPU has made.
        expected, expected_curve = compute(stage, key)
        assert device.operations, stage
        assert np.ravel(curve) == pytest.approx(np.ravel(expected_curve), rel=1e-3), stage
        assert found.keys() == expected.keys(), stage
        for name, array in expected.items():
            assert found[name].shape == array.shape and np.isfinite(found[name]).all()
            # AdamW's first steps divide each gradient by its own size. So they make rounding errors
            # large, and of trainings the losses are compared.
            if not curve:
                near = 1e-4 * max(1e-3, np.abs(array).max(initial=0))
                np.testing.assert_allclose(found[name], array, 0, near, err_msg=f"{stage} {name}")
