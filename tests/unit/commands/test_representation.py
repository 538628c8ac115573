"""The command leaves out what has no meaning for rectified features."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from interpreting_clip.commands.given_files import METADATA
from interpreting_clip.commands.measure import main

LINEAR = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
RECTIFIED = np.maximum(LINEAR, 0)
BASIS = "Privileged basis"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def record(representation: str) -> dict[str, str]:
    about = {"encoder": "timm:x", "card": {"representation": representation}}
    return {METADATA: json.dumps(about)}


def report(file: str) -> dict:
    main(["measure", file, "--report", "out"])
    return json.loads(Path("out/measures.json").read_text())


@pytest.mark.parametrize("said", [None, "rectified"])
def test_rectified_features_have_no_privileged_basis_but_a_reason(said, capsys):
    save_file({"activations": RECTIFIED}, "mine.safetensors", record(said) if said else None)
    found = report("mine.safetensors")
    assert "privileged_basis" not in found["measures"]
    assert f"{100 * np.mean(RECTIFIED == 0):.0f} %" in found["not_measured"][BASIS]
    assert found["measures"]["kurtosis"]["representation"] == "rectified"
    assert f"Not measured: {BASIS}; needs features" in capsys.readouterr().out


@pytest.mark.parametrize("values", [RECTIFIED, LINEAR])
def test_a_linear_record_is_believed(values, capsys):
    save_file({"activations": values}, "mine.safetensors", record("linear"))
    found = report("mine.safetensors")
    assert "privileged_basis" in found["measures"]
    assert found["measures"]["kurtosis"]["representation"] == "linear"
    assert "by construction" not in capsys.readouterr().out


def test_the_record_of_an_npy_lies_beside_it():
    np.save("mine.npy", LINEAR)
    save_file({"classes": np.arange(40)}, "mine.safetensors", record("rectified"))
    assert "as recorded: 0 %" in report("mine.npy")["not_measured"][BASIS]
