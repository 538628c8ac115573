"""Emulated processors compute the bytes of a small study that this one computes."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from tests.pipeline.workspace import NANO
from tests.reads import ROOT, folder_digests

PROCESSORS = ("Haswell", "EPYC-Rome", "Skylake-Client", "EPYC-Milan")
QEMU = shutil.which("qemu-x86_64") or ""

pytestmark = [
    pytest.mark.skipif(not QEMU, reason="QEMU's user mode is not installed"),
    pytest.mark.long,
]

CODE = (
    *("interpreting_clip", "page", "runner", "stages", "tests"),
    *("dvc.yaml", "constraints.txt", "versions.yaml"),
)
IN_GIT = tuple(f"data/{name}" for name in ("baselines", "published", "reference"))
RESULTS = ("data", "metrics", "plots")


def small_study() -> dict[str, Any]:
    """Return the nano study with the miniature's towers and as little of everything as is legal.

    Emulated products of matrices take hundreds of times as long.
    """
    study = load_tree(NANO)
    miniature = load_tree(ROOT / "params.yaml")
    study["backbones"] = miniature["backbones"]
    sizes = {"imagenet_train": 1200, "imagenet_val": 48, "web_broad": 96, "broden": 100}
    reference = study["datasets"]["imagenet_a"]["reference"]["train"]
    for name, entry in (study["datasets"] | study["shifts"]).items():
        entry["images"] = sizes.get(name, 12)
    reference["images"] = 128
    study["untrained"]["rn"] |= {"encoders": 2, "images": 20}
    study["layers"]["images"] = 32
    study["arrays"] = {}
    study["participation_ratio"]["blocks"] = 8
    study["privileged_basis"]["rotations"] = 3
    for section in ("published", "baseline", "kurtosis"):
        study[section]["resamples"] = 20
    for recipe in study["recipes"].values():
        recipe["batch_size"] = 32
    # Features of a few steps need a strong penalty to converge.
    study["heads"]["probe"] |= {"images_per_class": 4, "penalties": [0.1]}
    study["datasets"]["few"] = {**study["datasets"]["imagenet_val"]}
    study["finetune"]["rn_web_broad_finetuned"]["dataset"] = "few"
    study["supervise"]["vit_supervised"] = {
        **{"backbone": "vit", "dataset": "few", "recipe": "pretraining"},
        "label_smoothing": 0.1,
    }
    study["encoders"]["vit_supervised"] = {
        **{"label": "ViT supervised", "training": "supervised", "backbone": "vit"},
        **{"data": "imagenet_train", "head": "trained"},
    }
    study["comparisons"]["rn_vit"] = {"first": "rn_web_broad", "second": "vit_supervised"}
    del study["encoders"]["rn_untrained"], study["weights"]["rn_untrained"]
    return study


def new_study(folder: Path) -> None:
    """Make a folder with the small study and links to the code."""
    (folder / "data").mkdir(parents=True)
    (folder / "plots/arrays").mkdir(parents=True)
    for name in (*CODE, *IN_GIT, "studies"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "params.yaml").write_text(yaml.safe_dump(small_study()))


def run(folder: Path, *command: str) -> str:
    """Run a command in a folder, and return what it prints.

    QEMU's user mode crashes at random where compiled code runs in a thread: the study goes
    on from there.
    """
    for _ in range(10):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != -signal.SIGSEGV:
            assert done.returncode == 0, done.stderr
            return done.stdout
    raise AssertionError("the emulator crashed ten times")


def compute(folder: Path, *emulator: str) -> dict[str, str]:
    """Run the small study in a new folder, and return the digest of every result."""
    new_study(folder)
    run(folder, *emulator, sys.executable, "-m", "tests.stress.emulated_study")
    return {
        f"{name}/{path}": digest
        for name in RESULTS
        for path, digest in folder_digests(folder / name).items()
    }


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what this processor computes."""
    return compute(tmp_path_factory.mktemp("own") / "study")


@pytest.mark.parametrize("kind", PROCESSORS)
def test_an_emulated_processor_computes_the_same_bytes(own, tmp_path, kind):
    command = (QEMU, "-cpu", kind)
    found = compute(tmp_path / "study", *command)
    assert found.keys() == own.keys()
    assert [path for path in own if found[path] != own[path]] == []


PRODUCT = """
import hashlib, numpy, torch
draw = lambda seed: torch.from_numpy(numpy.random.default_rng(seed).random((80, 90), "f"))
print(hashlib.sha256((draw(0) @ draw(1).T).numpy().tobytes()).hexdigest())
"""


def test_native_kernels_of_two_makers_differ():
    """Else the other tests could not fail."""
    found = {
        subprocess.run(
            [QEMU, "-cpu", kind, sys.executable, "-c", PRODUCT],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for kind in PROCESSORS[:2]
    }
    assert len(found) == 2
