"""The nano study's stages on a GPU against the CPU, and on two GPUs against one: lines of gpu.md.

Each stage that uses the machine's device runs twice as DVC starts it, on inputs that the CPU has
made, and the arrays that it leaves are compared. A stage that fails is a line of the table and not
the end of it, so that one run finds all that a new machine breaks.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from benchmarks.tables import Row, this_python
from interpreting_clip.errors import one_line
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.tables import read_curve
from runner.machine_settings import Machine
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


class Left(NamedTuple):
    """What a stage has left: its arrays by file and name, and the losses of its curve."""

    arrays: dict[str, np.ndarray]
    losses: list[float]


def compared(folder: Path, machine: Machine, count: int) -> list[Row]:
    """Return a line for each stage on the machine's device, and for each that two devices share.

    The study is made in a new folder. `count` is how many devices of this kind there are.
    """
    write_study(folder)
    rows, device = list[Row](), machine.device
    for stage, key in OUTPUTS:
        with_cpu = attempt(folder, stage, key, "cpu")
        if isinstance(with_cpu, str):
            raise RuntimeError(f"{stage} on the CPU: {with_cpu}")
        kept = [set_aside(place) for place in places(folder, stage, key)]
        alone = attempt(folder, stage, key, device)
        rows += lines(f"`{stage}`, {device} against the CPU", with_cpu, alone)
        if count > 1 and stage in SHARED:
            shared = attempt(folder, stage, key, device, processes=2)
            what = f"`{stage}`, two processes on {device} against one"
            rows += lines(what, alone, shared)
        # Later stages read what the CPU has made.
        for place in kept:
            put_back(place)
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


def attempt(folder: Path, stage: str, key: str, device: str, processes: int = 1) -> Left | str:
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


def set_aside(place: Path) -> Path:
    """Rename a folder, if it is there, and return where it was."""
    if place.exists():
        place.rename(aside(place))
    return place


def put_back(place: Path) -> None:
    """Undo `set_aside`, in place of what has been written since."""
    if aside(place).exists():
        shutil.rmtree(place, ignore_errors=True)
        aside(place).rename(place)


def aside(place: Path) -> Path:
    """Return the name under which a folder is kept."""
    return place.with_name(f"{place.name}.cpu")


def lines(what: str, expected: Left | str, found: Left | str) -> list[Row]:
    """Return the line that says how far two runs of a stage agree."""
    for run in (expected, found):
        if isinstance(run, str):
            return [Row(what, f"failed: {run}", "runs")]
    assert isinstance(expected, Left) and isinstance(found, Left)
    if expected.losses:
        ends = [f"{run.losses[0]:.4f} to {run.losses[-1]:.4f}" for run in (expected, found)]
        pair = np.array(expected.losses), np.array(found.losses)
        share = largest_share(*pair, each=True)
        text = f"{what}: losses {ends[1]}, expected {ends[0]}"
        return [Row(text, f"{share:.2g}", f"at most {NEAR_LOSS:g}")]
    names = expected.arrays if expected.arrays.keys() == found.arrays.keys() else ()
    shares = [largest_share(expected.arrays[name], found.arrays[name]) for name in names]
    return [Row(what, f"{max(shares, default=np.inf):.2g}", f"at most {NEAR:g}")]


def largest_share(expected: np.ndarray, found: np.ndarray, *, each: bool = False) -> float:
    """Return the largest difference, relative to the largest value or, with `each`, to its own."""
    if expected.shape != found.shape or not np.isfinite(found).all():
        return np.inf
    scale: Any = np.abs(expected) if each else np.abs(expected).max(initial=0)
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
