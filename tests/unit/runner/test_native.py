"""Outputs name the processors that had to compute natively what is portable elsewhere."""

import platform
from pathlib import Path

import pytest

from interpreting_clip.formats.json import read_json, write_json, write_whole
from interpreting_clip.kernels import Kernels
from runner import run
from runner.graph import StageEntry
from runner.native import NATIVE, native_processors, record_native
from runner.outputs import Outputs

FOLDER, RESULT, HEADLINE = "data/kurtosis", "plots/rn.json", "metrics/rn.json"
ARM = "aarch64 (Linux)"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that computes a stage of three outputs on a processor."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    outs, files = (FOLDER, RESULT, HEADLINE), (RESULT, HEADLINE)
    makers = {"data/activations/rn": "extract@rn", "data/heads/rn": "head@rn"}
    parts = {"params": (), "fingerprints": (), "makers": makers, "file": Path("dvc.yaml")}
    deps = ("data/activations",)
    entry = StageEntry(stage="kurtosis", key="rn", deps=deps, outs=outs, files=files, **parts)

    def compute(machine: str, kernels: Kernels = "portable") -> dict[str, set[str]]:
        monkeypatch.setattr(platform, "machine", lambda: machine)
        outputs = Outputs(outs, files)
        outputs.prepare()
        write_json(outputs[FOLDER] / "kurtosis.json", {"mean": 2.5})
        write_whole(outputs[RESULT], b'{\n "mean":\t2.123456789}\n')
        write_json(outputs[HEADLINE], {"mean": 2.5})
        record_native(entry, kernels, outputs)
        outputs.keep()
        outputs.discard()
        monkeypatch.setattr(platform, "machine", lambda: "x86_64")
        return {out: set(native_processors("portable", [Path(out)])) for out in outs}

    return compute


def test_folders_and_results_name_the_processor_and_headline_numbers_are_numbers(written):
    assert written("aarch64") == {FOLDER: {ARM}, RESULT: {ARM}, HEADLINE: set()}
    assert read_json(Path(RESULT)) == {"mean": 2.123456789, NATIVE: [ARM]}
    assert Path(RESULT).read_text().endswith('\n "mean":\t2.123456789}\n')
    assert read_json(Path(HEADLINE)) == {"mean": 2.5}


def test_what_is_computed_from_such_inputs_names_their_processors(written):
    write_json(Path(f"data/activations/rn/{NATIVE}.json"), {NATIVE: ["arm64 (Darwin)"]})
    write_json(Path(f"data/heads/rn/{NATIVE}.json"), {NATIVE: ["no input of the stage"]})
    assert written("x86_64")[FOLDER] == {"arm64 (Darwin)"}
    assert written("aarch64")[RESULT] == {"arm64 (Darwin)", ARM}


def test_nothing_is_added_where_the_kernels_are_the_study_s(written):
    assert not any(written("aarch64", "native").values())
    assert not any(written("x86_64").values())
    assert [file.name for file in Path(FOLDER).iterdir()] == ["kurtosis.json"]


def test_one_stage_of_a_study_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(run, "use_kernels", lambda _: None)
    run.choose_kernels("native")
    assert not capsys.readouterr().err
    run.choose_kernels("portable")
    assert "aarch64" in capsys.readouterr().err
    run.choose_kernels("portable")
    assert not capsys.readouterr().err
