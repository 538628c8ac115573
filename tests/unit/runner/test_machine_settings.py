import os

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.kernels import PORTABLE
from runner.machine_settings import SHARED_BY, MachineSettings, read_machine


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in MachineSettings.__struct_fields__:
        monkeypatch.delenv(f"INTERPRETING_CLIP_{name.upper()}", raising=False)
    monkeypatch.delenv(SHARED_BY, raising=False)


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / "compute.yaml"
    file.write_text("device: cuda:1\nbatch_size: 8\n")
    assert read_machine(file) == MachineSettings(device="cuda:1", batch_size=8)
    monkeypatch.setenv("INTERPRETING_CLIP_BATCH_SIZE", "16")
    assert read_machine(file) == MachineSettings(device="cuda:1", batch_size=16)


@pytest.mark.parametrize(("shared_by", "expected"), [("2", 3), ("20", 1)])
def test_jobs_share_the_processors(tmp_path, monkeypatch, shared_by, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setenv(SHARED_BY, shared_by)
    assert read_machine(tmp_path / "compute.yaml").workers == expected
    monkeypatch.setenv("INTERPRETING_CLIP_WORKERS", "7")  # the user's own is that of each stage
    assert read_machine(tmp_path / "compute.yaml").workers == 7


def test_names_what_is_wrong(tmp_path, monkeypatch):
    (tmp_path / "compute.yaml").write_text("device: gpu")
    with pytest.raises(InputError, match=r"compute\.yaml: 'device'.*'gpu'.*cuda"):
        read_machine(tmp_path / "compute.yaml")
    monkeypatch.setenv("INTERPRETING_CLIP_BATCH_SIZE", "0")
    with pytest.raises(InputError, match=r"the environment: 'INTERPRETING_CLIP_BATCH_SIZE'.*≥ 1"):
        read_machine(tmp_path / "none.yaml")


def test_portable_kernels_are_those_of_the_cpu(tmp_path, monkeypatch):
    (tmp_path / "compute.yaml").write_text("device: cuda")
    for name, value in PORTABLE.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"`device`: .*`kernels: portable`"):
        read_machine(tmp_path / "compute.yaml")


def test_a_mirror_that_is_no_url_is_refused_and_not_shown(tmp_path):
    (tmp_path / "compute.yaml").write_text("mirror: 'https://me:wo/rd@host'")
    with pytest.raises(InputError, match=r"`mirror`: .*port") as refused:
        read_machine(tmp_path / "compute.yaml")
    assert "wo" not in str(refused.value).replace("password", "")
