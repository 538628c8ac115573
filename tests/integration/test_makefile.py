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


def test_push_prints_no_name_of_a_remote(tmp_path: Path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt", ".venv/ready", ".venv/bin/dvc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    dvc = tmp_path / ".venv/bin/dvc"
    dvc.write_text("#!/bin/sh\ntest $2 = core.remote && printf 'a\\033[31m\\n;x'\n")
    dvc.chmod(0o755)
    done = subprocess.run(
        ["make", "push"], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    first, *_ = done.stderr.splitlines()
    assert done.returncode and first.startswith("error: ") and "verify true" in first
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(("given", "asked"), [((), False), (("YES=0",), False), (("YES=1",), True)])
def test_prune_removes_only_where_it_is_told_to(given, asked):
    command = ["make", "--dry-run", "prune", *given]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    (line,) = (line for line in said.splitlines() if "tools.prune" in line)
    assert line.endswith("--yes") == asked


@pytest.mark.parametrize(
    ("given", "parallel"), [((), False), (("JOBS=1",), False), (("JOBS=2",), True)]
)
def test_repro_schedules_several_jobs_only_where_they_are_asked_for(given, parallel):
    command = ["make", "--dry-run", "repro", *given]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert ("tools.jobs 2 .venv-snakemake/bin/snakemake" in said) == parallel
    assert ("python -m tools.fast_dvc repro" in said.splitlines()) != parallel


PIP = """#!/bin/sh
echo 'Collecting torch'
exit {}
"""


@pytest.mark.parametrize("target", ["ready", "ready-light"])
@pytest.mark.parametrize("status", [0, 1])
def test_an_install_is_not_silent_and_is_done_only_if_pip_is(tmp_path, target, status):
    shutil.copy(ROOT / "Makefile", tmp_path)
    scripts = {"pip": PIP.format(status), "python": "#!/bin/sh\n"}
    for name in ("pyproject.toml", "constraints.txt", *(f".venv/bin/{name}" for name in scripts)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name, text in scripts.items():
        (tmp_path / ".venv/bin" / name).write_text(text)
        (tmp_path / ".venv/bin" / name).chmod(0o755)
    command = ["make", f".venv/{target}", "PYTHON=.venv/bin/python"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert "minute" in done.stdout.partition("Collecting")[0]
    assert "Collecting torch" in done.stdout.splitlines()
    assert (done.returncode == 0) == (tmp_path / ".venv" / target).exists() == (status == 0)
