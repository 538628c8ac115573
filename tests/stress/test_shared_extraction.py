"""Processes that share the images of a stage write what one process writes, to the last bit."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.encoders.encoder import initialise, save_encoder
from tests.integration.stages.conftest import truncate_image
from tests.pipeline.refusals import change
from tests.reads import EXTRACTIONS, folder_digests, run_stage
from tests.unit.encoders.conftest import small_backbone

DATASETS, WEIGHTS = Path("data/datasets"), Path("data/weights")


COUNT = """
import os
from pathlib import Path

if rank := os.environ.get("RANK"):
    Path(".scratch", "rank" + rank).touch()
"""
"""A module `sitecustomize`: each of several processes leaves a file."""


@pytest.fixture(autouse=True)
def encoders(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write two encoders, and let 40 images be two batches and three minibatches."""
    monkeypatch.setenv("INTERPRETING_CLIP_BATCH_SIZE", "20")
    entry = load_tree(Path("params.yaml"))["encoders"]["rn_untrained"]
    change(layers={"images": 24, "minibatch": 8}, encoders={"rn": entry, "vit": entry})
    for kind in ("rn", "vit"):
        save_encoder(WEIGHTS / kind, initialise(small_backbone(kind), 0))
    shutil.copytree(DATASETS / "imagenet_v2", Path("data/shifts/mine"))
    change(shift_encoders={"entry": {"shift": "mine", "encoder": "vit"}})
    for name in TESTBED_SHIFTS[1:]:
        write_absent(name, DATASETS / name)


def run(stage: str, key: str, processes: int, **environment: str) -> subprocess.CompletedProcess:
    """Run a stage in several processes."""
    command = [sys.executable, "-m", "stages", stage, key]
    given = os.environ | {"INTERPRETING_CLIP_PROCESSES": f"{processes}"} | environment
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


def left(key: str) -> list[Path]:
    """Return what there is of an encoder's activations."""
    return [*Path("data/activations").glob(key), *Path("data/activations").glob(f"{key}.*")]


@pytest.mark.parametrize(
    ("stage", "key", "processes"),
    [
        ("extract", "rn", 3),  # more than there are batches
        ("extract_layers", "vit", 2),
        ("extract_shift", "entry", 2),
    ],
)
def test_several_processes_write_the_bytes_of_one(tmp_path, stage, key, processes):
    (site := tmp_path / "site").mkdir()
    (site / "sitecustomize.py").write_text(COUNT)
    folder = Path("data") / EXTRACTIONS[stage] / key
    run_stage(stage, key)
    alone = folder.rename(folder.with_name("alone"))
    done = run(stage, key, processes, PYTHONPATH=str(site))
    assert (done.returncode, done.stderr) == (0, "")
    assert len([*Path(".scratch").glob("rank*")]) == processes
    assert folder_digests(folder) == folder_digests(alone)


def test_a_broken_image_of_another_process_is_named_in_one_line():
    truncate_image("imagenet_val", 20)  # the first of the second batch
    done = run("extract", "rn", 2)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert re.match(r"error: .*imagenet_val: image 00000020: .*broken.*replace", line)
    assert left("rn") == []
