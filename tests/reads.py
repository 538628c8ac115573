"""What dvc.yaml and the code say about stages, and how tests handle their results."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from interpreting_clip.formats.files import file_digest
from runner.outputs import write_checksums, write_contents

ROOT = Path(__file__).resolve().parents[1]
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = list(GRAPH)
EXTRACTIONS = {
    "extract": "activations",
    "extract_shifts": "shift_activations",
    "extract_broden": "broden_activations",
    "extract_layers": "layer_grams",
}
"""The stages that share their images among processes, with the folder of their outputs."""


def body(stage: str) -> dict[str, Any]:
    """Return dvc.yaml's entry for a stage, or for each of its instances."""
    return GRAPH[stage].get("do", GRAPH[stage])


def seal() -> None:
    """Make results that a test has written or changed by hand valid as outputs of stages."""
    for group in Path("data").iterdir():
        single = group.name in ("baseline", "broden_labels", "thumbnails")
        for output in [group] if single else group.glob("*/"):
            if group.name not in ("reference", "study") and not output.is_symlink():
                write_contents(output)
    for series in Path("plots").glob("encoders/*.json"):
        write_checksums(series.with_suffix(".sha256"), series)
    for matrix in Path("plots").glob("comparisons/*.json"):
        write_checksums(matrix.with_suffix(".sha256"), matrix)


def folder_digests(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder, by relative path."""
    return {
        file.relative_to(directory).as_posix(): file_digest(file)
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    }


def read_params(stage: str, root: Path = ROOT) -> set[str]:
    """Return the parameters that a stage's code reads, as dvc.yaml writes them.

    A section that is read as a struct counts as its fields. In an f-string, `{key}` is the name of
    the entry, and every other name is one of its values.

    Raises
    ------
    ValueError
        A path is computed, so the parameter that is read is unknown.
    """
    file = root / "stages" / f"{stage}.py"
    nodes = ast.walk(ast.parse(file.read_text()))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    found = set()
    for call in (call for call in calls if ast.unparse(call.func) == "params.read"):
        path = template(call.args[0], file)
        fields = fields_of(stage, ast.unparse(call.args[1])) if "$" not in path else ()
        found |= {f"{path}.{field}" for field in fields} or {path}
    return found


def template(node: ast.expr, file: Path) -> str:
    """Return the path in a literal or f-string node, with DVC's `${…}` for its names."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        raise ValueError(f"{file}:{node.lineno}: expected a literal path, got {ast.unparse(node)}")
    return "".join(
        part.value if isinstance(part, ast.Constant) else interpolated(ast.unparse(part.value))  # pyright: ignore
        for part in node.values
    )


def interpolated(name: str) -> str:
    """Return DVC's form of a name in an f-string: `item.dataset` as `${item.dataset}`."""
    return "${key}" if name == "key" else f"${{item.{name.removeprefix('item.')}}}"


def fields_of(stage: str, kind: str) -> tuple[str, ...]:
    """Return the fields of the struct that a section is read as; none for a plain value."""
    struct = getattr(importlib.import_module(f"stages.{stage}"), kind, None)
    return getattr(struct, "__struct_fields__", ())


def said_within(megabytes: int, importing: str, call: str) -> str:
    """Return what a call returns or refuses in a process with limited memory."""
    code = """
from pathlib import Path
from interpreting_clip.errors import InputError
{}
try:
    said = {}
except InputError as error:
    said = error
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0], said)
"""
    command = [sys.executable, "-c", code.format(importing, call)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.stdout.count("\n") == 1 and not ran.stderr, ran
    peak, _, said = ran.stdout.partition(" ")
    assert int(peak) <= megabytes << 10, ran.stdout
    return said
