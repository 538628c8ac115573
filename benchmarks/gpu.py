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
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks import extraction
from benchmarks.tables import ROOT, Row, this_python, write_table
from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.encoder_entries import AnyBackbone, ComputeType
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.formats.csv_tables import read_curve
from runner.process import set_variables
from tests.pipeline.workspace import new_workspace
from tools.compare import contents

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

LOSSES = "losses"

NEAR, NEAR_LOSS = 1e-3, 0.02
"""How far float32 on two devices may differ: arrays relative to their largest value, and losses of
a curve relative to the CPU's. AdamW makes the rounding of a training's first steps grow."""

PRECISIONS: tuple[ComputeType, ...] = ("float32", "bfloat16")
IMAGES, BATCH, ROUNDS = 2048, 128, 3


Arrays = dict[str, np.ndarray]
"""The arrays that a stage has left, by file and name; of a training, the losses of its curve."""


class StageFailedError(Exception):
    """A stage failed; the text is the last line of its error."""


def main() -> None:
    """Measure, print and write the table; fail if a line does."""
    set_variables()
    if not torch.cuda.is_available():
        sys.exit("error: no GPU: torch finds no CUDA device, and nothing was measured")
    machine = Machine(device="cuda", batch_size=BATCH)
    rows = measure(machine, torch.cuda.device_count(), extraction.BACKBONES)
    write_table("gpu", f"The first hour on {torch.cuda.get_device_name()}", rows)
    sys.stdout.write("\nPost these lines, which are in benchmarks/gpu.md, whatever they say.\n")
    if beyond := [row.what for row in rows if row.measured.startswith("failed")]:
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
    """Return a line for each stage on a device, and for each stage that two devices share.

    The study is made in a new folder. `count` is how many devices of this kind there are.
    """
    write_study(folder)
    rows = list[Row]()
    for stage, key in OUTPUTS:
        expected = run_and_read(folder, stage, key, "cpu")
        made = [place for place in places(folder, stage, key) if place.exists()]
        for place in made:
            place.rename(place.with_name(f"{key}.cpu"))
        what = f"`{stage}`, {device} against the CPU"
        try:
            single = run_and_read(folder, stage, key, device)
            rows.append(line(what, expected, single))
            if count > 1 and stage in SHARED:
                what = f"`{stage}`, two processes on {device} against one"
                shared = run_and_read(folder, stage, key, device, processes=2)
                rows.append(line(what, single, shared))
        except StageFailedError as error:
            rows.append(Row(what, f"failed: {error}", "runs"))
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
    for words in (("study",), *fetched):
        run_stage(folder, words, {})


def run_and_read(folder: Path, stage: str, key: str, device: str, processes: int = 1) -> Arrays:
    """Run a stage on a device; return the arrays that it has left."""
    run_stage(folder, (stage, key), {"DEVICE": device, "PROCESSES": str(processes)})
    place, curve = places(folder, stage, key)
    if OUTPUTS[stage, key] == "weights" and curve.exists():
        return {LOSSES: np.array([float(point["loss"]) for point in read_curve(curve)])}
    values = {
        " ".join(map(str, name)): value
        for file in sorted(place.rglob("*"))
        if file.is_file()
        for name, value in contents(file, str(file.relative_to(place))).items()
    }
    arrays = {name: array for name, array in values.items() if isinstance(array, np.ndarray)}
    return {name: array.astype(np.float64) for name, array in arrays.items()}


def run_stage(folder: Path, words: tuple[str, ...], settings: dict[str, str]) -> None:
    """Run a stage as DVC does."""
    environment = {name: value for name, value in this_python().items() if name != "PYTHONPATH"}
    environment |= {f"INTERPRETING_CLIP_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "stages", *words]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"status {ended.returncode}"]
        raise StageFailedError(one_line(lines[-1]))


def places(folder: Path, stage: str, key: str) -> tuple[Path, Path]:
    """Return the folder that a stage leaves, and its curve's folder if it trains."""
    return folder / "data" / OUTPUTS[stage, key] / key, folder / "data/training" / key


def line(what: str, expected: Arrays, actual: Arrays) -> Row:
    """Return the line on how far two runs of a stage agree."""
    trained = LOSSES in expected
    most, shares = NEAR_LOSS if trained else NEAR, [0.0 if expected else np.inf]
    for name, array in expected.items():
        other = actual.get(name, np.empty(0))
        if array.shape != other.shape or not np.isfinite(other).all():
            return Row(what, f"failed: {name} has another shape, or is not finite", "runs")
        scale = np.abs(array) if trained else np.abs(array).max(initial=0)
        shares.append(float((np.abs(other - array) / np.maximum(scale, 1e-12)).max(initial=0)))
    measured = f"{max(shares):.2g}" if max(shares) <= most else f"failed: {max(shares):.2g}"
    return Row(f"{what}: losses" if trained else what, measured, f"at most {most:g}")


if __name__ == "__main__":
    main()
