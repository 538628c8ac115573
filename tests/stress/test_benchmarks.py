"""Each benchmark runs on next to nothing, and what it compares with ours computes the same."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from msgspec import to_builtins

from benchmarks import (
    browse,
    checks,
    cka,
    concepts,
    dag,
    extraction,
    feeding,
    gpu,
    jobs,
    kernels,
    measures,
    startup,
)
from benchmarks.spy.sitecustomize import TIMED
from benchmarks.synthetic import Size
from benchmarks.tables import ROOT
from interpreting_clip.config.params import convert
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.formats.json import read_json, write_json
from tests.pipeline.workspace import new_workspace
from tests.unit.encoders.conftest import small_backbone
from tools.rates import RATES, Rates

ENCODERS = ("rn50_openai", "rn50_openai_finetuned")
STREAMED = [
    *(measures.kurtosis, measures.bootstrap, measures.importances),
    *(measures.accuracy, measures.pruning, measures.null_pruning),
]


def test_cka_agrees_with_the_package_in_double_precision():
    towers = [cka.build(small_backbone("vit")) for _ in range(2)]
    batches = cka.draw(16, 8, 32)
    assert min(cka.measure_round(towers, batches)) > 0
    found = cka.compare([cka.all_grams(tower, batches) for tower in towers])
    double = cka.package([tower.double() for tower in towers], batches)
    assert float(cka.gap(found, double)) < 1e-4
    assert not any(part._forward_hooks for tower in towers for part in tower.modules())


def test_precisions_agree_with_scikit_learn(tmp_path: Path):
    found = concepts.rows(tmp_path, Size(300, 6, concepts=20, classes=8), sample=10)
    differences = [float(row.measured) for row in found if "difference" in row.what]
    assert len(differences) == 2 and max(differences) < 1e-9


def test_portable_kernels_are_timed_beside_native_ones():
    found = kernels.rows(1, 5)
    assert [row.what.partition(",")[0] for row in found][::3] == ["ResNet", "ViT"]
    assert all(row.measured.endswith(("ms a step", "× native")) for row in found)


def test_a_browser_of_an_encoder_is_timed(tmp_path: Path):
    found = browse.rows(tmp_path, Size(300, 20, concepts=12, classes=20), drawn=3)
    assert {"`browse`", "… files"} < {row.what for row in found}


def test_a_threshold_reaches_what_counts_concepts_alone(tmp_path: Path):
    graph = tmp_path / "graph"
    dag.write_graph(graph, len(ENCODERS), new_workspace(tmp_path / "source").folder)
    dag.prepare(graph)
    assert dag.reproduced(graph) == set()
    times, ran = dag.graph_times(graph, 1)
    counted = {f"{stage}@{key}" for stage in ("broden", "browse", "summarize") for key in ENCODERS}
    assert ran == counted | {"study", "controls", "report"}
    assert dag.rows(times, times, dag.Graph(*dag.locked(graph), ran))


def test_the_longest_path_adds_what_waits_for_each_other():
    graph = {"unchanged": frozenset(), "a": frozenset(["unchanged"]), "b": frozenset()}
    graph["c"] = frozenset("ab")
    assert jobs.longest_path(graph, {"a": 1.0, "b": 3.0, "c": 5.0}, 0.5) == 9.0


def test_stages_run_with_and_without_checks(tmp_path: Path):
    found = checks.rows(tmp_path, dict.fromkeys(checks.SIZES, 1100), 10, 1)
    assert {"`broden`", "`kurtosis`"} < {row.what for row in found}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_all_extractions_lead_to_the_same_activations(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    extraction.write_inputs(tmp_path / "once", "ViT-S-32-alt", 8)
    task = extraction.Task(tmp_path / "once", "ViT-S-32-alt", 4, torch.get_num_threads())
    ways = (extraction.bare, extraction.tuned_bare, extraction.ours, extraction.clip_benchmark)
    first, *others = [way(task).features for way in ways]
    assert first.shape == (8, 256)
    assert all(extraction.largest_difference(found, first) < 1e-5 for found in others)


def test_feeding_says_how_many_cores_a_gpu_needs(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(feeding, "DRAWN", 2)
    monkeypatch.setattr(feeding, "BATCH", 2)
    feeding.write_dataset(tmp_path, 4)
    with open_shards(tmp_path) as images:
        found = {row.what: row.measured for row in feeding.measure(images, 1)}
    assert all(float(found[what].split()[0]) > 0 for what in found if what.endswith("decoding"))
    assert sum("at an assumed" in what and " images/s" in found[what] for what in found) == 4


def test_steps_of_trainings_give_rates_that_the_plan_reads(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "CLASSES", 10)
    monkeypatch.setattr(gpu, "WARM", 1)
    monkeypatch.setattr(gpu, "STEPS", 2)
    models = {"resnet": small_backbone("rn"), "vit": small_backbone("vit")}
    rows, rates = gpu.measure(torch.device("cpu"), models, 1e9, 8)
    assert len(rows) == 12 and "8 images" in rows[0].what
    assert rates.memory is None and rates.origin.startswith("measured on cpu")
    fast = Rates(**dict.fromkeys(RATES, 7.5), origin=rates.origin, memory=(0.97, 1.02))
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


@pytest.mark.parametrize("measure", STREAMED)
def test_memory_does_not_grow_with_the_activations(measure, tmp_path: Path):
    peaks = []
    for images in (4096, 16384):
        measures.write_inputs(tmp_path, Size(images, 256, classes=50))
        inputs = measures.read_inputs(tmp_path)
        measure(inputs)
        peaks.append(measures.allocated(lambda: measure(inputs)))  # noqa: B023 — called at once
    grown = (16384 - 4096) * 256 * 4 / 2**20
    assert peaks[1] - peaks[0] < 0.05 * grown


def test_the_start_of_a_stage_and_what_it_imports_late():
    assert startup.late_imports("kurtosis") == []
    module, whole = startup.rows("weights", 0.1, repeats=1)
    assert "torch" not in module.measured and ", torch" in whole.measured


@pytest.mark.parametrize("name", TIMED)
def test_every_timed_function_is_there(name):
    module = importlib.import_module(name)
    assert all(callable(getattr(module, function)) for function in TIMED[name])
