"""Files of weights that are not what a study says: one clear line, nothing run, nothing written."""

import hashlib
import io
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from stages import weights
from tests.pipeline.refusals import refused, write_weights
from tests.pipeline.zoo import pickled

VIT = {"kind": "timm", "model": "test_vit"}
FILE = Path("data/weights/mine/weights.safetensors")

pytestmark = pytest.mark.usefixtures("place")

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """Return random weights of timm's smallest transformer."""
    import timm

    torch.manual_seed(0)
    return timm.create_model("test_vit").state_dict()


def write_checkpoint(data: bytes, backbone: dict[str, str] = VIT, **more: Any) -> None:
    """Write a file of weights, and a study that takes it with its checksum."""
    Path("mine.pt").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    write_weights(backbone, {"source": "checkpoint", "file": "mine.pt", "sha256": sha256} | more)


def brought() -> int:
    """Bring weights that are well; return the bytes written."""
    weights.main("mine")
    assert Path("data/training/mine/ready.json").is_file()
    return FILE.stat().st_size


def test_a_file_that_is_not_there(state):
    write_checkpoint(save(state))
    Path("mine.pt").rename("elsewhere.pt")
    expected = "mine.pt: no such file of weights; put it there, or let `folders` in compute.yaml"
    assert refused(weights.main, "mine").startswith(expected)
    Path("elsewhere.pt").rename("mine.pt")
    assert brought() > 1_000_000


def test_a_file_of_another_checksum(state):
    data = save(state)
    write_checkpoint(data, sha256="ab" * 32)
    sha256 = hashlib.sha256(data).hexdigest()
    expected = f"mine.pt: expected the SHA-256 {'ab' * 32}, got {sha256}; it is another file or dam"
    assert refused(weights.main, "mine").startswith(expected)
    write_checkpoint(data)
    assert brought() > 1_000_000


def test_weights_of_another_architecture(state):
    write_checkpoint(save(state), {"kind": "timm", "model": "test_resnet"})
    said = refused(weights.main, "mine")
    assert re.match(r'mine.pt: .*Missing key.* "visual\.', said)
    assert said.endswith("another architecture: name the backbone that they belong to")
    write_checkpoint(save(state))
    brought()


def test_weights_of_the_same_names_and_another_size(state):
    wrong = state | {"blocks.0.mlp.fc1.weight": torch.zeros(8, 64)}
    write_checkpoint(save(wrong))
    shape = list(state["blocks.0.mlp.fc1.weight"].shape)
    said = refused(weights.main, "mine")
    assert said.startswith("mine.pt: ") and "for visual.blocks.0.mlp.fc1.weight: " in said
    assert "[8, 64]) from checkpoint" in said and f"current model is torch.Size({shape})" in said


def test_a_classifier_of_other_classes(state):
    few = {name: value[:10] if name.startswith("head.") else value for name, value in state.items()}
    write_checkpoint(save(few))
    expected = "mine.pt: expected a head with a row for each of ImageNet's 1,000 classes, got 10; "
    assert refused(weights.main, "mine").startswith(expected)


def test_weights_that_are_not_finite(state):
    spoilt = state | {"head.bias": torch.full((1000,), torch.nan)}
    write_checkpoint(save(spoilt))
    assert "head.bias" in refused(weights.main, "mine")


class Program:
    """Something that leaves a file behind where its pickle is executed."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return what unpickling calls."""
        return Path.touch, (Path("executed"),)


def torchscript() -> bytes:
    """Return an archive of TorchScript, as far as reading it would go."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mine/data.pkl", pickle.dumps(Program()))
        archive.writestr("mine/code/__torch__.py", "def forward(self, x):\n  return x\n")
        archive.writestr("mine/version", "3\n")
    return stream.getvalue()


PROGRAMS = {
    "a pickle": (lambda state: pickle.dumps(Program()), "cannot be read without executing what it"),
    "a model": (
        lambda state: pickled({"state_dict": state, "args": Program()}),
        "cannot be read without executing what it holds, or is damaged",
    ),
    "TorchScript": (lambda state: torchscript(), "a TorchScript archive holds a program, and noth"),
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_file_that_holds_a_program_is_not_executed(state, kind):
    make, expected = PROGRAMS[kind]
    write_checkpoint(make(state))
    assert refused(weights.main, "mine").startswith(f"mine.pt: {expected}")
    assert not Path("executed").exists()
    write_checkpoint(pickled({"state_dict": state}))
    brought()


def test_such_a_pickle_would_have_been_executed():
    pickle.loads(pickle.dumps(Program()))  # noqa: S301
    assert Path("executed").exists()


DAMAGED = {
    "safetensors without their end": lambda state: save(state)[:-1000],
    "safetensors without half of their header": lambda state: save(state)[:500],
    "a state dict without its end": lambda state: pickled(state)[:-1000],
    "a page": lambda state: b"<html>log in</html>",
    "nothing": lambda state: b"",
    "a number": lambda state: pickled(3),
    "no tensors": lambda state: pickled({"epoch": 3, "lr": 0.1}),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_file_that_is_damaged_or_holds_something_else(state, kind):
    write_checkpoint(DAMAGED[kind](state))
    said = refused(weights.main, "mine")
    assert re.match(r"mine.pt: (damaged safetensors|cannot be read|expected a state dict)", said)
    assert len(said) < 300
    write_checkpoint(save(state))
    brought()


def test_a_url_that_brings_another_file(server, state):
    data = save(state)
    server.files["/a.pt"] = data[:-1] + b"x"
    entry = {"source": "checkpoint", "url": f"{server.url}/a.pt"}
    write_weights(VIT, entry | {"sha256": hashlib.sha256(data).hexdigest()})
    said = refused(weights.main, "mine")
    assert said.startswith(f"{server.url}/a.pt: expected the sha256 ")
    server.files["/a.pt"], server.drops["/a.pt"] = data, [500_000, 0, 0, 0, 0]
    assert "gave up after 5 tries" in refused(weights.main, "mine")
    brought()
