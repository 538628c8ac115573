"""Which launcher a stage has, and locks that a file system does not have."""

import errno
import fcntl
from unittest.mock import Mock

import pytest

from interpreting_clip.errors import InputError
from runner.launcher import compute_alone, launcher
from runner.machine_settings import SETTINGS, read_machine
from tests.reads import STAGES


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stages").mkdir()
    for stage in STAGES:
        (tmp_path / f"stages/{stage}.py").touch()


def words(stage: str) -> list[str]:
    return launcher(read_machine(), stage)


def test_a_stage_has_its_own_or_that_of_the_others():
    SETTINGS.write_text("launchers: {finetune: srun -n1 --gpus=1, cka: '', others: srun 'a b'}\n")
    assert words("finetune") == ["srun", "-n1", "--gpus=1"]
    assert words("kurtosis") == ["srun", "a b"]
    assert words("cka") == words("study") == words("code") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("launchers: {finetun: srun}", "finetun.*finetune"),
        ("launchers: {finetune: srun 'a}", "finetune.*quotation"),
    ],
)
def test_names_what_is_wrong(text, expected):
    SETTINGS.write_text(text)
    with pytest.raises(InputError, match=f"^compute.yaml: .*{expected}") as error:
        words("finetune")
    assert "srun" not in str(error.value)


def test_a_file_system_without_locks_is_refused(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr("runner.launcher.Thread", Mock())  # it would end this process
    compute_alone("kurtosis@rn", launched=False)
    with pytest.raises(InputError, match=r"kurtosis@rn: .*docs/tutorial_cluster\.md"):
        compute_alone("kurtosis@rn", launched=True)
