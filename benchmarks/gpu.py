"""The first hour on a GPU: the table of gpu.md, to be posted.

1. Each stage of the nano study that uses the machine's device runs as DVC starts it, on the CPU and
   on the GPU, on inputs that the CPU has made, and the arrays that it leaves are compared; with two
   GPUs, also on both. A stage that fails is a line of the table and not the end of it, so that one
   run finds all that a new machine breaks.
2. Extraction is timed as on the CPU: benchmarks/extraction.py.

All of it runs on any device, so that the tests run it on the CPU.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml

from benchmarks import extraction
from benchmarks.tables import ROOT, Row, this_python, write_table
from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.entries import AnyBackbone, ComputeType
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.tables import read_curve
from runner.process import repeat_products
from tests.pipeline.workspace import new_workspace

CLIP, TUNED, PROBED = "rn_web_broad", "rn_web_broad_finetuned", "rn_web_broad_probe"
SUPERVISED, MIXED = "rn_supervised", "rn_mixed"

SHARED = ("pretrain", "supervise", "extract", "extract_layers")
"""The stages that two GPUs share."""

OUTPUTS = {
    ("pretrain", CLIP): "weights",
    ("finetune", TUNED): "weights",
    ("supervise", SUPERVISED): "weights",
    ("interpolate", MIXED): "weights",
    ("head", CLIP): "heads",
    ("extract", CLIP): "activations",
    ("extract_broden", CLIP): "broden_activations",
    ("extract_layers", CLIP): "layer_grams",
    ("extract_train", PROBED): "train_activations",
    ("probe", PROBED): "weights",
    ("extract_untrained", "rn"): "untrained_activations",
}
"""The stages that use the machine's device, in an order in which each finds its inputs, and the
folder of what each leaves."""

NEAR, NEAR_LOSS = 1e-3, 0.02
"""How far float32 on two devices may differ: arrays relative to their largest value, and losses of
a curve relative to the CPU's. AdamW makes the rounding of a training's first steps grow."""

PRECISIONS: tuple[ComputeType, ...] = ("float32", "bfloat16")
IMAGES, BATCH, ROUNDS = 2048, 128, 3


class Left(NamedTuple):
    """What a stage has left: its arrays by file and name, and the losses of its curve."""

    arrays: dict[str, np.ndarray]
    losses: list[float]


def main() -> None:
    """Measure, print and write the table; fail if a line does."""
    set_variables()
    if not torch.cuda.is_available():
        sys.exit("error: no GPU: torch finds no CUDA device, and nothing was measured")
    machine = Machine(device="cuda", batch_size=BATCH)
    rows = measure(machine, torch.cuda.device_count(), extraction.BACKBONES)
    write_table("gpu", f"The first hour on {torch.cuda.get_device_name()}", rows)
    sys.stdout.write("\nPost these lines, which are in benchmarks/gpu.md, whatever they say.\n")
    if beyond := exceeded(rows):
        sys.exit(f"error: failed or beyond its bound: {'; '.join(beyond)}")


def measure(machine: Machine, count: int, backbones: Mapping[str, AnyBackbone]) -> list[Row]:
    """Return the lines of the table, for `count` devices of the machine's kind."""
    describe = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False)
    rows = [
        Row("devices, workers", f"{count} × {machine.device}, {machine.workers}"),
        Row("commit", commit.stdout.strip() or "unknown"),
        Row("torch, CUDA", f"{torch.__version__}, {torch.version.cuda}"),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        rows += stages_compared(Path(scratch, "study"), machine.device, count)
        dataset = Path(scratch, "photographs")
        extraction.write_dataset(dataset, IMAGES)
        for precision in PRECISIONS:
            for name, backbone in backbones.items():
                try:
                    rows += extraction.compared(
                        name, backbone, dataset, machine, ROUNDS, precision=precision
                    )
                except (RuntimeError, InputError) as error:  # such as too little memory
                    failed = f"failed: {one_line(str(error))[:200]}"
                    rows.append(Row(f"{name}, {precision}: extraction", failed, "runs"))
    return rows


def stages_compared(folder: Path, device: str, count: int) -> list[Row]:
    """Return a line for each stage on a device, and for each that two devices share.

    The study is made in a new folder. `count` is how many devices of this kind there are.
    """
    write_study(folder)
    rows = list[Row]()
    for stage, key in OUTPUTS:
        with_cpu = run_and_read(folder, stage, key, "cpu")
        if isinstance(with_cpu, str):
            raise RuntimeError(f"{stage} on the CPU: {with_cpu}")
        made = [place for place in places(folder, stage, key) if place.exists()]
        for place in made:
            place.rename(place.with_name(f"{key}.cpu"))
        alone = run_and_read(folder, stage, key, device)
        rows.append(line(f"`{stage}`, {device} against the CPU", with_cpu, alone))
        if count > 1 and stage in SHARED:
            shared = run_and_read(folder, stage, key, device, processes=2)
            rows.append(line(f"`{stage}`, two processes on {device} against one", alone, shared))
        # Later stages read what the CPU has made.
        for place in made:
            shutil.rmtree(place, ignore_errors=True)
            place.with_name(f"{key}.cpu").rename(place)
    return rows


def write_study(folder: Path) -> None:
    """Make the nano study with native kernels, an entry for each stage, and its datasets."""
    workspace = new_workspace(folder)
    study: dict[str, Any] = workspace.params() | {"kernels": "native"}
    for recipe in study["recipes"].values():
        recipe |= {"epochs": 3, "pieces": 2}
    entry = {"dataset": "imagenet_train", "recipe": "finetuning"}
    study["supervise"] = {SUPERVISED: {"backbone": "rn", "label_smoothing": 0.1, **entry}}
    study["interpolate"] = {MIXED: {"first": CLIP, "second": TUNED, "alpha": 0.5}}
    like = study["encoders"][TUNED]
    study["encoders"] |= {
        SUPERVISED: like | {"label": "RN supervised", "training": "supervised"},
        MIXED: like | {"label": "RN between"},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    fetched = [("fetch", name) for name in study["datasets"]]
    for words in (("study",), *fetched, ("fetch_shifts",)):
        if failed := run_stage(folder, words, {}):
            raise RuntimeError(f"{' '.join(words)}: {failed}")


def run_and_read(folder: Path, stage: str, key: str, device: str, processes: int = 1) -> Left | str:
    """Run a stage on a device; return what it has left, or why it failed."""
    settings = {"DEVICE": device, "PROCESSES": str(processes)}
    if failed := run_stage(folder, (stage, key), settings):
        return failed
    place, curve = places(folder, stage, key)
    arrays = {
        f"{file.relative_to(place)} {name}": np.array(array, np.float64)
        for file in sorted(place.rglob("*.safetensors"))
        for name, array in read_tensors(file).items()
    }
    trained = OUTPUTS[stage, key] == "weights" and curve.exists()
    points = read_curve(curve) if trained else []
    return Left(arrays, [float(point["loss"]) for point in points])


def run_stage(folder: Path, words: tuple[str, ...], settings: dict[str, str]) -> str:
    """Run a stage as DVC does; return the last line of its error, or nothing."""
    own = {name: value for name, value in this_python().items() if name != "PYTHONPATH"}
    own |= {f"INTERPRETING_CLIP_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "stages", *words]
    ended = subprocess.run(
        command, cwd=folder, env=own, capture_output=True, text=True, check=False
    )
    if not ended.returncode:
        return ""
    said = ended.stderr.strip().splitlines() or [f"status {ended.returncode}"]
    return one_line(said[-1])


def places(folder: Path, stage: str, key: str) -> tuple[Path, Path]:
    """Return the folder that a stage leaves, and that of its curve if it trains."""
    return folder / "data" / OUTPUTS[stage, key] / key, folder / "data/training" / key


def line(what: str, expected: Left | str, found: Left | str) -> Row:
    """Return the line that says how far two runs of a stage agree."""
    for run in (expected, found):
        if isinstance(run, str):
            return Row(what, f"failed: {run}", "runs")
    assert isinstance(expected, Left) and isinstance(found, Left)
    if expected.losses:
        pair = np.array(expected.losses), np.array(found.losses)
        share = largest_share(*pair, np.abs(pair[0]))
        return Row(f"{what}: losses", f"{share:.2g}", f"at most {NEAR_LOSS:g}")
    if expected.arrays.keys() != found.arrays.keys():
        return Row(what, "failed: other arrays", "runs")
    shares = [
        largest_share(array, found.arrays[name], np.abs(array).max(initial=0))
        for name, array in expected.arrays.items()
    ]
    return Row(what, f"{max(shares, default=np.inf):.2g}", f"at most {NEAR:g}")


def largest_share(expected: np.ndarray, found: np.ndarray, scale: Any) -> float:
    """Return the largest difference relative to a scale."""
    if expected.shape != found.shape or not np.isfinite(found).all():
        return np.inf
    return float((np.abs(found - expected) / np.maximum(scale, 1e-12)).max(initial=0))


def exceeded(rows: list[Row]) -> list[str]:
    """Return what the lines say that failed or is beyond its bound."""
    beyond = []
    for row in rows:
        limit = row.bound.removeprefix("at most ")
        if row.measured.startswith("failed") or (
            limit != row.bound and not float(row.measured) <= float(limit)
        ):
            beyond.append(row.what)
    return beyond


if __name__ == "__main__":
    main()
