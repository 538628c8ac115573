from importlib.metadata import version

import pytest

from stages.runtime.errors import InputError
from tests.reads import ROOT
from tools.lock import recorded

TORCH = version("torch").partition("+")[0]
RECORD = "# What pip chose of torch: 1.0\ntorch: {}\nnumpy: {}\n"


def test_another_release_is_written_down_and_said(tmp_path):
    (file := tmp_path / "versions.yaml").write_text(RECORD.format("1.0", version("numpy")))
    said = recorded(file)
    assert said == (
        f"{file}: torch 1.0 -> {TORCH}. `dvc repro` computes again what another version computed. "
        f"To use that as it is: .venv/bin/pip install torch==1.0 && git checkout {file}\n"
    )
    assert file.read_text() == RECORD.format(TORCH, version("numpy"))


def test_the_same_release_of_any_build_leaves_the_file(tmp_path):
    (file := tmp_path / "versions.yaml").write_text(RECORD.format(TORCH, version("numpy")))
    before = file.stat().st_mtime_ns
    assert recorded(file) == ""
    assert file.stat().st_mtime_ns == before


def test_a_missing_record_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"versions\.yaml: no such file"):
        recorded(tmp_path / "versions.yaml")


def test_the_record_in_git_is_of_what_constraints_leave_open():
    locked = (ROOT / "constraints.txt").read_text()
    for name in ("torch", "torchvision"):
        assert f"\n{name}==" not in locked
        assert f"\n{name}: " in (ROOT / "versions.yaml").read_text()
