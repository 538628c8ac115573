"""Weights as they are published, and the machine that they are read on."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from interpreting_clip.encoders.encoder import Encoder
from runner.machine_settings import Machine
from tests.unit.encoders.conftest import tiny_clip

__all__ = ["tiny_clip"]


def saved(module: torch.nn.Module) -> bytes:
    return save({name: value.contiguous() for name, value in module.state_dict().items()})


def same(encoder: Encoder, module: torch.nn.Module) -> bool:
    state = module.state_dict()
    return all(torch.equal(state[k], t) for k, t in encoder.module.state_dict().items())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(downloads=str(tmp_path / "downloads"), folders=str(tmp_path))
