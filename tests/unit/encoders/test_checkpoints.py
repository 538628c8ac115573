"""Files of weights: their tensors are read, and nothing in them is executed."""

import argparse
import builtins
import collections
import datetime
import io
import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from interpreting_clip.encoders.checkpoints import read_checkpoint
from interpreting_clip.errors import InputError

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(()), "n": torch.tensor([3])}


def pickled(content: object, **how: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **how)
    return stream.getvalue()


def read(tmp_path: Path, content: bytes) -> dict[str, Mapping[str, torch.Tensor]]:
    file = tmp_path / "0123abcd"
    file.write_bytes(content)
    return read_checkpoint(file, "zoo/mine.pt")


def require_weights(found: Mapping[str, Mapping[str, torch.Tensor]], state: str) -> None:
    weights = found[state]
    assert weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(weights[name], value) for name, value in WEIGHTS.items())


class Settings(dict):
    """A dict with attributes, as configurations of many libraries are."""

    def __init__(self, **values: Any) -> None:
        super().__init__(values)
        self.__dict__ = self


RUN = {
    "args": argparse.Namespace(lr=1e-3, out=Path("runs/1"), start=datetime.datetime(2026, 1, 2)),
    "metric": np.float64(81.3),
    "config": Settings(model="vit", deep=Settings(er=1)),
    "history": collections.defaultdict(list, loss=[1.0]),
    "act": torch.nn.functional.gelu,
}


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (save(WEIGHTS), ""),
        (pickled(WEIGHTS), ""),
        (pickled(WEIGHTS, _use_new_zipfile_serialization=False), ""),
        (pickled({"epoch": 3, "state_dict": WEIGHTS, "optimizer": {"lr": 0.1}}), "state_dict"),
        (pickled({"state_dict": WEIGHTS} | RUN), "state_dict"),
    ],
    ids=["safetensors", "zip", "old", "training", "run"],
)
def test_every_format_gives_the_same_weights(tmp_path, content, state):
    require_weights(read(tmp_path, content), state)


def model_of_parts() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.MultiheadAttention(4, 2)
    )


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_whole_model_gives_its_state_dict(tmp_path, wrapped):
    model = model_of_parts()
    model[0].register_buffer("computed", torch.ones(3), persistent=False)
    found = read(tmp_path, pickled({"model": model, "epoch": 3} if wrapped else model))
    weights, state = found["model" if wrapped else ""], model.state_dict()
    assert weights.keys() == state.keys()
    assert all(torch.equal(weights[name], value) for name, value in state.items())


class Reduced:
    """What is written as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments


class Restored:
    """What runs code when its attributes are restored, also with `__new__` and as a dict."""

    def __init__(self, file: str) -> None:
        self.file = file

    def __setstate__(self, state: dict) -> None:
        Path(state["file"]).touch()


HOSTILE = {
    "eval": lambda file: Reduced(builtins.eval, f"open({file!r}, 'w')"),
    "setstate": Restored,
    "in a list": lambda file: [[Restored(file)], {"x": (Reduced(print, Restored(file)),)}],
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
@pytest.mark.parametrize("how", HOSTILE)
def test_harmful_objects_are_stood_in_for(tmp_path, how, zipped):
    canary = tmp_path / "canary"
    content = {"state_dict": WEIGHTS, "hook": HOSTILE[how](str(canary))}
    found = read(tmp_path, pickled(content, _use_new_zipfile_serialization=zipped))
    require_weights(found, "state_dict")
    require_weights(read_checkpoint(tmp_path / "0123abcd", "zoo/mine.pt"), "state_dict")
    assert not canary.exists()


def test_plain_pickles_and_programs_are_refused(tmp_path):
    harmful = {"state_dict": WEIGHTS, "hook": Reduced(Path.touch, tmp_path / "canary")}
    for protocol in (2, 4, 5):
        with pytest.raises(InputError, match=r"^zoo/mine\.pt: cannot be read without executing"):
            read(tmp_path, pickle.dumps(harmful, protocol))
    assert not (tmp_path / "canary").exists()
    stream = io.BytesIO()
    with warnings.catch_warnings():  # torch deprecates what its users have saved for years
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(1, 3)), stream)
    with pytest.raises(InputError, match=r"TorchScript.*state_dict"):
        read(tmp_path, stream.getvalue())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (save(WEIGHTS)[:-5], "damaged safetensors"),
        (pickled(WEIGHTS)[:-200], "damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "`git lfs pull`"),
    ],
)
def test_damaged_and_other_files_are_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=rf"zoo/mine\.pt: .*{message}"):
        read(tmp_path, content)
