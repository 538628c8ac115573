"""A curve without a repository, and as a stage of DVC."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reads import ROOT

STAGE = """
from pathlib import Path
from interpreting_clip.training.callbacks import dvclive_logger
with dvclive_logger(Path("out")) as log:
    for step in (5, 10):
        log({"step": step, "loss": 1 / step, "accuracy": 0.5, "learning_rate": 1e-3})
"""


def contents(directory: Path) -> dict[str, str]:
    files = sorted(file for file in directory.rglob("*") if file.is_file())
    return {str(file.relative_to(directory)): file.read_text() for file in files}


def run(command: list[str], folder: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def plain(tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    run([sys.executable, "-c", STAGE], folder)
    return folder


def test_a_curve_needs_no_repository(plain):
    files = contents(plain / "out")
    assert list(files) == [
        "metrics.json",
        *(f"plots/metrics/{name}.tsv" for name in ("accuracy", "learning_rate", "loss")),
    ]
    assert files["plots/metrics/loss.tsv"] == "step\tloss\n5\t0.2\n10\t0.1\n"
    assert json.loads(files["metrics.json"])["step"] == 10
    assert list(plain.iterdir()) == [plain / "out"]


def test_a_stage_of_dvc_writes_the_same_bytes(plain, tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "stage.py").write_text(STAGE)
    (folder / "dvc.yaml").write_text(
        f"stages: {{curve: {{cmd: {sys.executable} stage.py, outs: [out]}}}}"
    )
    run(["git", "init", "-q"], folder)
    identity = ["-c", "user.name=a", "-c", "user.email=a"]
    run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "start"], folder)
    run([sys.executable, "-m", "dvc", "init", "-q"], folder)
    run([sys.executable, "-m", "dvc", "repro", "-q"], folder)
    assert contents(folder / "out") == contents(plain / "out")
