"""Compiled trainings, and one as a locked stage of a study."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from msgspec.structs import replace

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.loop import train
from tests.reads import accept_study
from tests.unit.training.conftest import IMAGES, small_case

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore"),  # torch's compiler warns and hides it
]


def trained(recipe, objective: str, *, compiled: bool) -> tuple[list[float], bytes]:
    """Return the losses of a training and the bytes of its weights."""
    encoder, minimised = small_case("vit", objective)
    points, module = [], encoder.module
    train(
        module,
        minimised,
        IMAGES,
        encoder.card.preprocess,
        recipe,
        callbacks=Callbacks(log=points.append),
        compiled=compiled,
    )
    weights = b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())
    return [point["loss"] for point in points], weights


@pytest.mark.parametrize(("objective", "recomputed"), [("labels", False), ("captions", True)])
def test_compiled_blocks_change_rounding_alone(
    recipe, tmp_path, monkeypatch, objective, recomputed
):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    recipe = replace(recipe, batch_size=12, pieces=3, activation_checkpointing=recomputed)
    plain, _ = trained(recipe, objective, compiled=False)
    losses, weights = trained(recipe, objective, compiled=True)
    assert any(tmp_path.rglob("*.so")), "nothing was compiled"
    np.testing.assert_allclose(losses, plain, rtol=0, atol=1e-5 * max(plain))
    torch.compiler.reset()
    assert trained(recipe, objective, compiled=True) == (losses, weights)


@pytest.mark.parametrize(
    ("compiler", "status", "said"),
    [("", 0, ""), ("/nowhere/c++", 1, "error: `compile`: .*install a C\\+\\+ compiler")],
)
def test_a_locked_stage_compiles_or_says_what_it_lacks(study, compiler, status, said):
    params = load_tree(study / "params.yaml")
    params["backbones"]["rn"]["text"]["layers"] = 2
    (study / "params.yaml").write_text(yaml.safe_dump(params))
    accept_study()
    (study / "compute.yaml").write_text("compile: true\n")
    elsewhere = {"TORCHINDUCTOR_CACHE_DIR": "/srv/elsewhere"}  # where a stage may not write
    environment = os.environ | elsewhere | ({"CXX": compiler} if compiler else {})
    command = [sys.executable, "-m", "stages", "pretrain", "rn_web_broad"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert re.search(said, done.stderr)
    assert any((study / ".scratch/inductor").rglob("*.so")) == (not status)
    assert Path("data/weights/rn_web_broad").exists() == (not status)
