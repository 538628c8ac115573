"""What `make` commands do, and what they must not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reads import ROOT


def test_clean_keeps_downloads_alone_of_the_scratch_folder(tmp_path: Path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".scratch/downloads/ab12", ".scratch/training/checkpoint", "data/ab12"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"Makefile", ".scratch/downloads/ab12", "data/ab12"}


def test_clean_needs_no_scratch_folder(tmp_path: Path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(("given", "asked"), [((), False), (("YES=0",), False), (("YES=1",), True)])
def test_prune_removes_only_where_it_is_told_to(given, asked):
    command = ["make", "--dry-run", "prune", *given]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    (line,) = (line for line in said.splitlines() if "tools.prune" in line)
    assert line.endswith("--yes") == asked


@pytest.mark.parametrize("version", [(3, 11), (3, 13)])
def test_lock_is_for_the_oldest_python(tmp_path: Path, version):
    shutil.copy(ROOT / "Makefile", tmp_path)
    pretending = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
    programs = {
        "python": f"{sys.executable} -c '{pretending}' \"$2\"",
        "pip": "touch locking; false",
    }
    for name, line in programs.items():
        (program := tmp_path / ".venv/bin" / name).parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
    command = ["make", "--old-file", ".venv/ready", "lock"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (tmp_path / "locking").exists() == (version == (3, 11))
    assert ("error: locked versions have to fit the oldest" in done.stderr) == (version != (3, 11))
