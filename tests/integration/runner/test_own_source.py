"""A stage runs our packages from their source, whatever Python keeps or finds beside it."""

import os
import py_compile
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

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


def compile_stale(file: Path, cached: Path) -> None:
    """Write bytecode that Python takes for the source's, from another source."""
    source = file.read_bytes()
    rewrite(file, STALE)
    how = py_compile.PycInvalidationMode.TIMESTAMP
    py_compile.compile(str(file), str(cached), invalidation_mode=how)
    rewrite(file, source)


def test_stale_bytecode_is_not_run(code_copy):
    for name in MODULES:
        cached = Path(cache_from_source(str(code_copy / name)))
        compile_stale(code_copy / name, cached)
    assert start(code_copy, "-c", "import stages.code") == "stale\n"
    assert start(code_copy, "-m", "stages", "code") == ""
