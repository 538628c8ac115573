"""Each benchmark runs on next to nothing, and what it compares with ours computes the same."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from msgspec import to_builtins

from benchmarks import concepts, dag, feeding, gpu, growth, kernels, probe, startup
from benchmarks.synthetic import Size
from benchmarks.tables import ROOT, allocated
from interpreting_clip.config.params import convert
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
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
        found = [row.measured for row in feeding.measure(images, 1) if "of a core" in row.measured]
    assert len(found) == 6 and all(float(speed.split()[0].replace(",", "")) > 0 for speed in found)


def test_steps_of_trainings_give_rates_that_the_plan_reads(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "CLASSES", 10)
    monkeypatch.setattr(gpu, "WARM", 1)
    monkeypatch.setattr(gpu, "STEPS", 2)
    models = {"resnet": small_backbone("rn"), "vit": small_backbone("vit")}
    rows, rates = gpu.measure(torch.device("cpu"), models, 1e9, 8)
    assert len(rows) == 12 and "8 images" in rows[0].what
    assert rates.origin.startswith("measured on cpu")
    fast = Rates(**dict.fromkeys(RATES, 7.5), origin=rates.origin)
    write_json(tmp_path / "gpu.json", to_builtins(fast))
    assert convert(read_json(tmp_path / "gpu.json"), Rates, "rates") == fast


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
