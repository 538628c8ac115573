"""thingsvision's own extraction, which needs an environment of its own: TensorFlow and numpy 1."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.tables import ROOT

ENVIRONMENT = ROOT / ".scratch/thingsvision"
WANTED = ("thingsvision==2.7.3", "numpy<2", "tensorflow-cpu<2.16", "torchtyping", "h5py", "numba")
ALONGSIDE = ("torch", "torchvision", "open_clip_torch", "pillow")


class Task(NamedTuple):
    """The extraction: `folder` holds the shards, the files and the weights."""

    folder: Path
    model: str
    batch: int
    threads: int


class Extracted(NamedTuple):
    """Activations in the order of the images, and how many seconds they took."""

    features: np.ndarray
    seconds: float


def thingsvision(task: Task, python: Path) -> Extracted:
    """Extract as thingsvision does, in its own environment."""
    script = ROOT / "benchmarks/thingsvision_features.py"
    out = task.folder / "thingsvision.npy"
    command = [python, script, task.folder, task.model, str(task.batch), str(task.threads), out]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds = json.loads(printed.splitlines()[-1])["seconds"]
    return Extracted(np.load(out), seconds)


def thingsvision_python(folder: Path) -> Path | None:
    """Return the Python of an environment with thingsvision, after making it if necessary.

    None if it cannot be installed, for example on a Python without a fitting TensorFlow.
    """
    from importlib.metadata import version

    python, ready = folder / "bin/python", folder / "ready"
    if ready.exists():
        return python
    first, *others = WANTED
    same = [f"{name}=={version(name).partition('+')[0]}" for name in ALONGSIDE]
    pip = [python, "-m", "pip", "install", "--quiet"]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([*pip, *same, *others, "matplotlib", "scikit-image"], check=True)
        subprocess.run([*pip, "--no-deps", first], check=True)
    except subprocess.CalledProcessError as error:
        print(f"thingsvision is not measured: {error}", file=sys.stderr)
        return None
    ready.touch()
    return python
