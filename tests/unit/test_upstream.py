"""The patches in docs/upstream apply to the locked versions."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.reads import ROOT

PATCHES = sorted((ROOT / "docs/upstream").glob("*.patch"))


@pytest.mark.parametrize("patch", PATCHES, ids=[patch.stem for patch in PATCHES])
def test_a_patch_applies(tmp_path: Path, patch):
    names = [line[6:] for line in patch.read_text().splitlines() if line.startswith("--- a/")]
    assert names
    for name in names:
        package, _, inside = name.removeprefix("src/").partition("/")
        spec = find_spec(package)
        assert spec and spec.origin
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(spec.origin).parent / inside, tmp_path / name)
    command = ["patch", "-p1", "--fuzz=0", "--input", str(patch)]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0 and "offset" not in done.stdout, done.stdout
