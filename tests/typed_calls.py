"""Calls of the library that a type checker accepts, and some that it refuses."""

import json
import subprocess
import sys
from pathlib import Path

CALLS = """
import numpy as np
import interpreting_clip as ic

x, head = np.ones((9, 4)), np.ones((3, 4))
ic.kurtosis(x, outlier_sigma=5).outliers.outlier_features
ic.directions(x.tolist(), head=head, centre="none")
ic.accuracy(x, head=head, bias=[0, 1, 2], classes=[0, 1, 2] * 3).accuracy.value
ic.pruning(x, head=head, classes=[0, 1, 2] * 3, harmless=2, progress=iter)
ic.concepts(x, labels={"dog": x[:, 0] > 0}, directions=ic.directions(x, head=head))
ic.cka(x, second=x).cka
ic.effective_robustness({"imagenet": 76.2, "imagenet_v2": 70.1}).robustness
ic.effective_robustness({"original": 81, "blur": 60}, standard={"original": [1.0]}).per_shift
ic.chart({"a": ic.kurtosis(x)}, "kurtosis")
ic.kurtosis(x, nonsense=3)  # wrong
ic.kurtosis(x, 5.0)  # wrong
ic.kurtosis(x, outlier_sigma="6")  # wrong
ic.kurtosis(x).nonsense  # wrong
ic.directions(x, head=head, centre="middle")  # wrong
ic.pruning(x)  # wrong
ic.cka(x)  # wrong
ic.concepts(x, labels=head, negatives="some")  # wrong
ic.effective_robustness([76.2])  # wrong
ic.effective_robustness(imagenet=76.2, imagenet_v2=70.1)  # wrong
ic.nonsense(x)  # wrong
"""
WRONG = [line for line, text in enumerate(CALLS.split("\n")) if text.endswith("# wrong")]


def refused_lines(folder: Path, python: Path) -> list[int]:
    """Return the lines of `CALLS`, from 0, in which pyright finds an error.

    Parameters
    ----------
    folder : where the file is written, outside of the clone
    python : of the environment that has the library
    """
    (folder / "calls.py").write_text(CALLS)
    words = [Path(sys.executable).parent / "basedpyright", "--outputjson", "--level", "error"]
    checked = subprocess.run(
        [*words, "--pythonpath", python, "calls.py"], cwd=folder, capture_output=True, check=False
    )
    errors = json.loads(checked.stdout)["generalDiagnostics"]
    return sorted({error["range"]["start"]["line"] for error in errors})
