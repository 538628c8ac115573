"""Each benchmark runs on next to nothing, and what it compares with ours computes the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec import to_builtins

from benchmarks import concepts, dag, devices, feeding, gpu, growth, kernels, probe, startup
from benchmarks.synthetic import Size
from benchmarks.tables import ROOT, allocated
from interpreting_clip.config.params import convert
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from runner.machine_settings import Machine
from tests.pipeline.workspace import new_workspace
from tests.unit.encoders.conftest import small_backbone
from tools.costs import RATES, Rates

ENCODERS = ("rn50_openai", "rn50_openai_finetuned")


def test_precisions_agree_with_scikit_learn(tmp_path: Path):
    found = concepts.rows(tmp_path, Size(300, 6, concepts=20, classes=8), sample=10)
    differences = [float(row.measured) for row in found if "difference" in row.what]
    assert len(differences) == 2 and max(differences) < 1e-9


def test_a_probe_has_the_head_of_scikit_learn(tmp_path: Path):
    found = {row.what: row.measured for row in probe.rows(tmp_path, probe.Size(400, 8, 5))}
    (difference,) = (value for what, value in found.items() if "difference" in what)
    assert float(difference) < 0.01
    assert found["… accuracy on these images"] == found["… … scikit-learn's"]


def test_portable_kernels_are_timed_beside_native_ones():
    found = kernels.rows(1, 5)
    assert [row.what.partition(",")[0] for row in found][::3] == ["ResNet", "ViT"]
    assert all(row.measured.endswith(("ms a step", "× native")) for row in found)


def test_a_threshold_reaches_what_counts_concepts_alone(tmp_path: Path):
    graph = tmp_path / "graph"
    dag.write_graph(graph, len(ENCODERS), new_workspace(tmp_path / "source").folder)
    times = dag.graph_times(graph, 1)
    counted = {f"{stage}@{key}" for stage in ("broden", "browse", "summarize") for key in ENCODERS}
    assert times.ran == counted | {"study", "controls", "report"}
    assert dag.reproduced(graph) == set()
    assert dag.rows(times, times.noop)


def test_feeding_counts_the_images_of_a_core(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(feeding, "DRAWN", 2)
    monkeypatch.setattr(feeding, "BATCH", 2)
    feeding.write_dataset(tmp_path, 4)
    with open_shards(tmp_path) as images:
        found = [
            row.measured
            for row in feeding.measure(images, images, 1)
            if "of a core" in row.measured
        ]
    assert len(found) == 7 and all(float(speed.split()[0].replace(",", "")) > 0 for speed in found)


@pytest.mark.filterwarnings("ignore")  # torch's compiler warns and hides it
def test_the_first_hour_on_a_gpu_runs_on_two_processes_of_the_cpu(monkeypatch, tmp_path):
    for name, value in (("CLASSES", 10), ("WARM", 1), ("STEPS", 2), ("DRAWN", 4)):
        monkeypatch.setattr(gpu, name, value)
    models = {"resnet": small_backbone("rn"), "vit": small_backbone("vit")}
    rows, rates = gpu.everything(Machine(device="cpu", workers=1), 2, models, 1e9, 8)
    assert devices.exceeded(rows) == []
    said = [row.what for row in rows]
    for stage, _ in devices.OUTPUTS:
        assert any(what.startswith(f"`{stage}`, cpu against the CPU") for what in said)
    for stage in devices.SHARED:
        assert any(what.startswith(f"`{stage}`, two processes on cpu against one") for what in said)
    assert sum(row.measured.endswith("images/s") for row in rows) == 4
    waits = [float(row.measured) for row in rows if "waits for photographs" in row.what]
    assert len(waits) == 4 and all(0 <= share < 1 for share in waits)
    assert sum("compile: true" in what for what in said) == 2  # of the ViT
    assert rates and rates.origin.startswith("measured on cpu")
    fast = Rates(**dict.fromkeys(RATES, 7.5), origin=rates.origin)
    write_json(tmp_path / "gpu.json", to_builtins(fast))
    assert convert(read_json(tmp_path / "gpu.json"), Rates, "rates") == fast


def left(values: list[float], losses: tuple[float, ...] = ()) -> devices.Left:
    return devices.Left({"a": np.array(values)}, list(losses))


@pytest.mark.parametrize(
    ("found", "agrees"),
    [
        (left([1.0, 200.1]), True),
        (left([1.0, 201.0]), False),
        (left([1.0, np.nan]), False),
        (left([1.0]), False),
        (devices.Left({"b": np.array([1.0, 200.0])}, []), False),
        ("CUDA error", False),
    ],
)
def test_a_device_that_computes_something_else_is_told(found, agrees):
    rows = devices.lines("extract", left([1.0, 200.0]), found)
    assert len(rows) == 1 and (devices.exceeded(rows) == []) == agrees


@pytest.mark.parametrize(("last", "agrees"), [(1.01, True), (1.1, False), (np.nan, False)])
def test_a_training_is_compared_by_its_curve(last, agrees):
    expected, found = (left([value], (3.0, end)) for value, end in ((1.0, 1.0), (9.0, last)))
    rows = devices.lines("pretrain", expected, found)
    assert "3.0000 to 1.0000" in rows[0].what
    assert (devices.exceeded(rows) == []) == agrees


def test_a_step_that_fails_is_a_line_and_leaves_no_rates(monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA out of memory.\nTried to allocate")

    monkeypatch.setattr(gpu, "step_times", fail)
    models = {"vit": small_backbone("vit")}
    rows, rates = gpu.measure(Machine(device="cpu"), models, 1e9, 8, np.empty((0, 1, 1, 3)))
    assert rates is None and len(devices.exceeded(rows)) == len(rows) == 2
    assert all("out of memory" in row.measured and "\n" not in row.measured for row in rows)


def test_a_machine_without_a_compiler_has_rates_and_one_line_that_failed(monkeypatch):
    def trained(*_: object, compiled: bool = False, **_given: object) -> list[float]:
        if compiled:
            raise InputError("`compile`: no C++ compiler")
        return [1.0]

    monkeypatch.setattr(gpu, "trained", trained)
    monkeypatch.setattr(gpu, "bare", lambda *_: 1.0)
    models = {"resnet": small_backbone("rn"), "vit": small_backbone("vit")}
    rows, rates = gpu.measure(Machine(device="cpu"), models, 1e9, 8, np.empty((0, 1, 1, 3)))
    assert rates and devices.exceeded(rows) == ["… with `compile: true`"] * 2
    assert {row.measured for row in rows if row.what == "… with `compile: true`"} == {
        "failed: `compile`: no C++ compiler"
    }


def test_a_batch_is_halved_until_it_fits():
    backbone = small_backbone("vit")
    whole, taken = gpu.fitting_batch(backbone, "float32", 1e12, 512)
    half, less = gpu.fitting_batch(backbone, "float32", taken - 1, 512)
    assert (whole, half) == (512, 256) and less < taken


def test_without_a_gpu_nothing_is_measured():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    command = [sys.executable, "-m", "benchmarks", "gpu"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode and "no GPU" in ended.stderr and ended.stderr.count("\n") == 1


def kurtosis(work: growth.Work) -> None:
    kurtosis_and_deviations(work.activations, 6.0)


@pytest.mark.parametrize("measure", [kurtosis, growth.directions])
def test_memory_does_not_grow_with_the_activations(measure, tmp_path: Path):
    peaks = []
    for images in (4096, 16384):
        (folder := tmp_path / str(images)).mkdir()
        work = growth.drawn(folder, growth.Scale(images, 256, concepts=20, encoders=1, classes=50))
        measure(work)
        peaks.append(allocated(lambda: measure(work)))  # noqa: B023 — called at once
    grown = (16384 - 4096) * 256 * 4 / 2**20
    assert peaks[1] - peaks[0] < 0.05 * grown


def test_the_start_of_a_stage_and_what_it_imports_late():
    assert startup.late_imports("kurtosis") == []
    module, whole = startup.rows("fetch", 0.1, repeats=1)
    assert "numpy" not in module.measured and ", numpy" in whole.measured
