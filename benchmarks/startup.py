"""How long each stage takes to start: the table of startup.md.

Every stage is a process of its own, once per encoder, so its imports cost time that often. In the
same run this times a bare interpreter, the import of the stage's module, for stages that import
more inside `main` those imports too, and what open_clip's towers add.
"""

import ast
import os
import statistics
import subprocess
import sys
from typing import NamedTuple

import yaml

from benchmarks.tables import ROOT, Row, run, write_table

STAGES = tuple(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
REPEATS = 5
OPEN_CLIP = (
    "from interpreting_clip.encoders.open_clip_import import import_open_clip\nimport_open_clip()"
)

LARGE = (
    "numpy",
    "torch",
    "torchvision",
    "open_clip",
    "sklearn",
    "scipy",
    "pandas",
    "numba",
    "timm",
)
"""The packages that are named beside a time if they were loaded."""


class Start(NamedTuple):
    """The median seconds that a program's imports take, and the large packages among them."""

    seconds: float
    packages: list[str]


def main() -> None:
    """Measure, print and write the table."""
    bare = start("pass").seconds
    lines = [Row("bare interpreter", f"{bare:.3f} s")]
    for stage in STAGES:
        lines += rows(stage, bare)
    tower, torch = start(f"import torch\n{OPEN_CLIP}"), start("import torch")
    added = tower.seconds - torch.seconds
    lines.append(Row("open_clip, beside torch", f"{added:.2f} s, {added / bare:.0f} times as long"))
    write_table("startup", f"The start of {len(STAGES)} stages", lines)


def rows(stage: str, bare: float, repeats: int = REPEATS) -> list[Row]:
    """Return a stage's lines: for its module, and for its module with what `main` imports."""
    module = f"import stages.{stage}"
    lines = [line(f"`{stage}`", start(module, repeats), bare)]
    if late := late_imports(stage):
        whole = start("\n".join([module, *late]), repeats)
        lines.append(line("… with the imports of `main`", whole, bare))
    return lines


def line(what: str, start: Start, bare: float) -> Row:
    """Return a line: the time, its ratio to a bare interpreter's, and the large packages."""
    times = f"{start.seconds:.2f} s, {start.seconds / bare:.0f} times as long"
    return Row(what, ", ".join([times, *start.packages]))


def late_imports(stage: str) -> list[str]:
    """Return the import statements inside a stage's `main`, on every branch."""
    tree = ast.parse((ROOT / f"stages/{stage}.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    body = next(function for function in functions if function.name == "main")
    return [ast.unparse(x) for x in ast.walk(body) if isinstance(x, ast.Import | ast.ImportFrom)]


def start(program: str, repeats: int = REPEATS) -> Start:
    """Time a Python program in fresh interpreters; a run before that tells what it loads.

    Bytecode is cached, as it is unless a user turns that off.
    """
    listing = f"{program}\nimport sys\nprint(*[x for x in {LARGE} if x in sys.modules])"
    command = (sys.executable, "-c", program)
    kept = {"PYTHONDONTWRITEBYTECODE": ""}
    loads = subprocess.run(
        [sys.executable, "-c", listing],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ, **kept},
    )
    times = [run(ROOT, *command, **kept) for _ in range(repeats)]
    return Start(statistics.median(times), loads.stdout.decode().split())


if __name__ == "__main__":
    main()
