"""The wheel, installed in an empty environment outside of the repository, has the instruments."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reads import ROOT

USE = """
import json, sys
import numpy as np
import interpreting_clip
from interpreting_clip.measures.average_precision import (
    Examples, average_precisions, sparse_targets
)
from interpreting_clip.measures.cka import cka
from interpreting_clip.measures.u_centring import u_center
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from interpreting_clip.measures.participation_ratio import Settings, participation_ratio
from interpreting_clip.measures.result import numbers
from interpreting_clip.measures.u_centring import u_center

before = "numba" in sys.modules
rng = np.random.default_rng(0)
activations = rng.standard_normal((200, 30))
kurtosis, _ = kurtosis_and_deviations(activations, 6.0)
targets = sparse_targets([Examples(np.arange(20), None)], 200)
grams = {"layer": np.stack([u_center(activations[:40] @ activations[:40].T)])}
result = participation_ratio(activations, Settings(blocks=5, confidence=0.9))
print(json.dumps({
    "file": interpreting_clip.__file__,
    "kurtosis": float(kurtosis.mean()),
    "precision": float(average_precisions(activations[:, :1], targets, 1)[0].max()),
    "cka": float(cka(grams, grams)[0, 0]),
    "said": [one.label for one in numbers(result)],
    "numba": [before, "numba" in sys.modules],
    "heavy": sorted({"torch", "dvc", "runner", "stages", "page"} & sys.modules.keys()),
}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, and install it with what it needs into a new environment."""
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "interpreting_clip", source / "interpreting_clip")
    for name in ("pyproject.toml", "README.md", "LICENSE"):  # in a copy: builds leave files there
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source]
    subprocess.run(build, check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    (wheel,) = folder.glob("*.whl")
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([python, "-m", "pip", "install", "-q", *constraints, wheel], check=True)
    return python


def test_it_is_used_without_torch_and_without_the_repository(python, tmp_path):
    done = subprocess.run([python, "-c", USE], cwd=tmp_path, capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert Path(found["file"]).is_relative_to(python.parents[1])
    assert found["kurtosis"] == pytest.approx(3 * 29 / 31, abs=0.2)  # of 30 Gaussian features
    assert 0 < found["precision"] < 1 and found["cka"] == pytest.approx(1)
    assert found["said"] == ["dimensions used", "features"]
    assert found["numba"] == [False, True] and found["heavy"] == []


def test_the_library_alone_is_in_it(python):
    show = [python, "-m", "pip", "show", "--files", "interpreting-clip"]
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    files = [line.strip() for line in shown.partition("Files:")[2].splitlines() if line.strip()]
    tops = {file.split("/")[0] for file in files}
    assert {top for top in tops if not top.endswith("dist-info")} == {"interpreting_clip"}
    assert "interpreting_clip/measures/kurtosis.py" in files
    listed = subprocess.run(
        [python, "-m", "pip", "list"], capture_output=True, text=True, check=True
    )
    assert not {"torch", "dvc"} & {line.split()[0] for line in listed.stdout.splitlines() if line}
