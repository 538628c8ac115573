import os

import msgspec
import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.kernels import PORTABLE
from runner import machine_settings
from runner.machine_settings import SHARED_BY, MachineSettings, read_machine


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in MachineSettings.__struct_fields__:
        monkeypatch.delenv(f"INTERPRETING_CLIP_{name.upper()}", raising=False)
    monkeypatch.delenv(SHARED_BY, raising=False)


def test_every_setting_is_read_from_the_environment_and_documented(tmp_path, monkeypatch):
    given = {
        "device": "cuda",
        "batch_size": 3,
        "processes": 4,
        "workers": 5,
        "downloads": "/big/downloads",
        "folders": "/data",
        "mirror": "http://mirror.example/all",
    }
    assert [*given, "launchers"] == list(MachineSettings.__struct_fields__)
    assert "`launchers`" in (machine_settings.__doc__ or "")
    for name, value in given.items():
        monkeypatch.setenv(f"INTERPRETING_CLIP_{name.upper()}", str(value))
        assert f"INTERPRETING_CLIP_{name.upper()}, `{name}`" in (machine_settings.__doc__ or "")
    assert msgspec.structs.asdict(read_machine(tmp_path / "compute.yaml")) == given | {
        "launchers": {}
    }


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / "compute.yaml"
    file.write_text("device: cuda:1\nbatch_size: 8\n")
    assert read_machine(file) == MachineSettings(device="cuda:1", batch_size=8)
    monkeypatch.setenv("INTERPRETING_CLIP_BATCH_SIZE", "16")
    assert read_machine(file) == MachineSettings(device="cuda:1", batch_size=16)


@pytest.mark.parametrize(
    ("shared_by", "file", "expected"),
    [
        ("2", "device: cpu\n", 3),
        ("20", "{}", 1),
        ("2", "workers: 5\n", 5),  # the user's own number is that of each stage
    ],
)
def test_jobs_share_the_processors(tmp_path, monkeypatch, shared_by, file, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setenv(SHARED_BY, shared_by)
    (tmp_path / "compute.yaml").write_text(file)
    assert read_machine(tmp_path / "compute.yaml").workers == expected
    monkeypatch.setenv("INTERPRETING_CLIP_WORKERS", "7")
    assert read_machine(tmp_path / "compute.yaml").workers == 7


@pytest.mark.parametrize("place", ["compute.yaml", "the environment"])
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("device", "gpu", "'gpu'.*cuda"),
        ("batch_size", "0", "0.*≥ 1"),
        ("batch_size", "many", "(`int`|'many')"),
    ],
)
def test_names_what_is_wrong(tmp_path, monkeypatch, *, place, name, value, expected):
    key = name
    if place == "compute.yaml":
        (tmp_path / place).write_text(f"{name}: {value or '!!str'}")
    else:
        key = f"INTERPRETING_CLIP_{name.upper()}"
        monkeypatch.setenv(key, value)
    with pytest.raises(InputError, match=f"{place}: '{key}'.*{expected}"):
        read_machine(tmp_path / "compute.yaml")


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
