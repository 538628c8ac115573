"""What it costs to check the inputs and seal the output of a stage: the table of checks.md.

Stages run on drawn inputs of the paper's size, each in a process of its own, in turn with and
without the SHA-256 of what they read and write. Wall time is what a user waits for: large files are
hashed by threads while the stage computes, so processor time grows by more.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.synthetic import Size, draw_activations, draw_classified, draw_head, draw_labels
from benchmarks.tables import ROOT, Row, median_seconds, write_table
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.saved_activations import write_activations, write_card, write_shifts
from interpreting_clip.formats.saved_heads import write_head
from interpreting_clip.measures.directions import singular_directions
from interpreting_clip.measures.head import Head
from runner.outputs import new_output

SIZES = {
    **{"imagenet": 50_000, "imagenet_v2": 10_000, "imagenet_r": 30_000},
    **{"imagenet_sketch": 50_889, "objectnet": 18_574, "imagenet_a": 7_500, "broden": 63_305},
}
"""How many images each set has."""

FEATURES, CLASSES, CONCEPTS = 1_024, 1_000, 1_197
KEY, REPEATS, SEED = "rn", 5, 0

WITHOUT = """
import sys, runner.outputs as outputs
outputs.require_digest, outputs.file_digest = lambda *_: None, lambda _: ""
from stages.{stage} import main
main(*sys.argv[1:])
"""
WITH = "import sys\nfrom stages.{stage} import main\nmain(*sys.argv[1:])\n"


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        write_table(
            "checks",
            f"Checks of what a stage reads and writes, {FEATURES:,} features",
            rows(Path(scratch), SIZES, CONCEPTS, REPEATS),
        )


def rows(folder: Path, sizes: dict[str, int], concepts: int, repeats: int) -> list[Row]:
    """Return the lines of the table; each stage runs after the stages whose outputs it reads."""
    write_inputs(folder, sizes, concepts)
    found = []
    for stage, *arguments in (
        ["baseline"],
        ["robustness", KEY],
        ["kurtosis", KEY],
        ["broden", KEY],
    ):
        found += lines(folder, stage, arguments, repeats)
    file = folder / "data/activations" / KEY / "imagenet_val.safetensors"
    rate = file.stat().st_size / median_seconds(lambda: file_digest(file)) / 1e9
    return [*found, Row("SHA-256 alone, one thread", f"{rate:.2f} GB/s")]


def lines(folder: Path, stage: str, arguments: list[str], repeats: int) -> list[Row]:
    """Time a stage alternately with and without checks: once to warm up, then `repeats` times."""
    without, checked = [], []
    for number in range(repeats + 1):
        # the outputs that remain are sealed
        for program, times in ((WITHOUT, without), (WITH, checked)):
            cost = run_stage(folder, program.format(stage=stage), arguments)
            times.extend([cost] if number else [])
    wall, processor = (
        [statistics.median(cost[which] for cost in times) for times in (checked, without)]
        for which in (0, 1)
    )
    return [
        Row(
            f"`{stage}`",
            f"{wall[0]:.2f} s, {wall[1]:.2f} s without: {wall[0] / wall[1] - 1:+.1%}",
            "under 3 %",
        ),
        Row("… processor time", f"{processor[0]:.2f} s, {processor[1]:.2f} s without"),
    ]


def run_stage(folder: Path, program: str, arguments: list[str]) -> tuple[float, float]:
    """Run a program in a folder; return the wall and the processor time in seconds."""
    command = [sys.executable, "-c", program, *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
    _, status, used = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return elapsed, used.ru_utime + used.ru_stime


def write_inputs(folder: Path, sizes: dict[str, int], concepts: int) -> None:
    """Write a study and the outputs that the stages read, as other stages would write them."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        shutil.copyfile(ROOT / "studies/paper.yaml", "params.yaml")
        shutil.copytree(ROOT / "data/reference", "data/reference")
        head = draw_head(Size(CLASSES, FEATURES, classes=CLASSES), SEED)
        with new_output(Path("data/heads") / KEY) as out:
            write_head(out, head, "zero_shot")
        shifts = [name for name in sizes if name not in ("imagenet", "broden")]
        with new_output(Path("data/activations") / KEY) as out:
            write_set(out, "imagenet_val", sizes["imagenet"], head)
            write_card(out, "linear", FEATURES)
        with new_output(Path("data/shift_activations") / KEY) as out:
            for name in shifts:
                write_set(out, name, sizes[name], head)
            write_shifts(out, shifts)
        with new_output(Path("data/broden_activations") / KEY) as out:
            values = draw_activations(Size(sizes["broden"], FEATURES), SEED)
            write_tensors(out / "activations.safetensors", {"activations": values})
        with new_output(Path("data/directions") / KEY) as out:
            found = singular_directions(head.weight)
            arrays = {"directions": found.vectors, "singular_values": found.singular_values}
            arrays["importance"] = found.singular_values  # any values do, to time the checks
            write_tensors(out / "directions.safetensors", arrays)
        with new_output(Path("data/broden_labels")) as out:
            labels = draw_labels(Size(sizes["broden"], FEATURES, concepts), SEED)
            pairs = {"image": labels.image, "concept": labels.concept}
            write_tensors(out / "labels.safetensors", pairs)
            named = [{"number": n, "name": f"c{n}", "category": "object"} for n in range(concepts)]
            write_json(out / "concepts.json", named)
    finally:
        os.chdir(before)


def write_set(folder: Path, name: str, images: int, head: Head) -> None:
    """Write drawn activations of a test set with all classes."""
    values, classes = draw_classified(Size(images, FEATURES, classes=CLASSES), head, SEED)
    indices = np.arange(CLASSES)
    write_activations(folder, name, values, classes=classes, class_indices=indices)


if __name__ == "__main__":
    main()
