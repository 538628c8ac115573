"""The README's example, as it stands there."""

import re
import subprocess
import sys

import numpy as np
from PIL import Image

from tests.reads import ROOT

README = (ROOT / "README.md").read_text()
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_example_measures_a_clip(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(18):
        file = tmp_path / "photos" / f"class {number % 3}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(256, size=(64, 64, 3), dtype=np.uint8)).save(file)
    code = EXAMPLE.replace(', pretrained="openai"', "")  # random weights, without a network
    assert code != EXAMPLE
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert b"mean kurtosis per image" in printed and b"privileged directions" in printed
    assert (tmp_path / "pruning.svg").read_bytes().startswith(b"<svg")
