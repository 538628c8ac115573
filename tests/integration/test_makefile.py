"""What `make` commands do, and what they must not."""

import shutil
import subprocess
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
