"""A stage runs our packages from their source, whatever Python keeps or finds beside it."""

import os
import py_compile
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

MODULES = ("stages/code.py", "runner/run.py", "interpreting_clip/formats/json.py")
"""A stage, a module of the runner's and one of the library's that the stage imports."""

STALE = b"raise SystemExit('stale')"


def start(folder: Path, *arguments: str, **variables: str) -> str:
    """Run Python in a folder, and return what it printed."""
    command = [sys.executable, *arguments]
    environment = os.environ | variables
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def rewrite(file: Path, content: bytes) -> None:
    """Replace a file's content by one of the same size, and keep its time."""
    seen = file.stat()
    file.write_bytes(content.ljust(seen.st_size, b"\n"))
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert file.stat().st_size == seen.st_size


def compile_stale(file: Path, mode: str, cached: Path) -> None:
    """Write bytecode that Python takes for the source's, from another source."""
    source = file.read_bytes()
    rewrite(file, STALE)
    how = py_compile.PycInvalidationMode[mode]
    py_compile.compile(str(file), str(cached), invalidation_mode=how)
    rewrite(file, source)


@pytest.mark.parametrize("mode", ["TIMESTAMP", "UNCHECKED_HASH"])
def test_stale_bytecode_is_not_run(code_copy, mode):
    for name in MODULES:
        cached = Path(cache_from_source(str(code_copy / name)))
        compile_stale(code_copy / name, mode, cached)
    assert start(code_copy, "-c", "import stages.code") == "stale\n"
    assert start(code_copy, "-m", "stages", "code") == ""


def test_without_our_packages_a_stage_names_the_command_that_installs_them(code_copy):
    said = start(code_copy, "-S", "-m", "stages", "study")  # without site-packages
    assert said.startswith("error: ") and said.count("\n") == 1 and "`make install`" in said


def test_files_of_the_users_hide_no_package(code_copy):
    for name in ("numpy", "statistics", "msgspec"):
        (code_copy / f"{name}.py").write_bytes(STALE)
    assert start(code_copy, "-c", "import interpreting_clip.formats.json") == "stale\n"
    assert start(code_copy, "-m", "stages", "study") == ""
