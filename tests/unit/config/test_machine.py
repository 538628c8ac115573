"""How this machine runs a study."""

import os

import msgspec
import pytest

from stages.config import machine
from stages.config.machine import Machine, read_machine
from stages.runtime.errors import InputError


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in Machine.__struct_fields__:
        monkeypatch.delenv(f"INTERPRETING_CLIP_{name.upper()}", raising=False)


def test_has_defaults(tmp_path):
    assert msgspec.structs.asdict(read_machine(tmp_path / "compute.yaml")) == {
        "device": "cpu",
        "batch_size": 256,
        "workers": len(os.sched_getaffinity(0)),
        "downloads": ".scratch/downloads",
        "folders": ".",
        "mirror": None,
    }


def test_takes_as_many_workers_as_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3})
    assert Machine().workers == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Machine().workers == 1


def test_every_setting_is_read_from_the_environment_and_documented(tmp_path, monkeypatch):
    given = {
        "device": "cuda",
        "batch_size": 3,
        "workers": 5,
        "downloads": "/big/downloads",
        "folders": "/data",
        "mirror": "http://mirror.example/all",
    }
    assert list(given) == list(Machine.__struct_fields__)
    for name, value in given.items():
        monkeypatch.setenv(f"INTERPRETING_CLIP_{name.upper()}", str(value))
        assert f"INTERPRETING_CLIP_{name.upper()}, `{name}`" in (machine.__doc__ or "")
    assert msgspec.structs.asdict(read_machine(tmp_path / "compute.yaml")) == given


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / "compute.yaml"
    file.write_text("device: cuda:1\nbatch_size: 8\n")
    assert read_machine(file) == Machine(device="cuda:1", batch_size=8)
    monkeypatch.setenv("INTERPRETING_CLIP_BATCH_SIZE", "16")
    assert read_machine(file) == Machine(device="cuda:1", batch_size=16)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("devise: cpu", "unknown field `devise`; legal keys: device, batch_size, workers"),
        ("device: gpu", "'device'.*cuda.*got 'gpu'"),
        ("batch_size: 0", "'batch_size'.*got 0.*whole number ≥ 1"),
        ("workers: 0", "'workers'.*got 0.*whole number ≥ 1"),
        ("downloads: ''", "'downloads'.*length"),
        ("mirror: mirror.example", "'mirror'.*https.*got 'mirror.example'"),
        ("batch_size: many", "'batch_size': Expected `int`, got `str`"),
    ],
)
def test_names_what_is_wrong_in_the_file(tmp_path, text, expected):
    (tmp_path / "compute.yaml").write_text(text)
    with pytest.raises(InputError, match=f"compute.yaml: .*{expected}"):
        read_machine(tmp_path / "compute.yaml")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEVICE", "gpu", "cuda.*got 'gpu'"),
        ("BATCH_SIZE", "0", "got 0.*whole number ≥ 1"),
        ("WORKERS", "-1", "got '-1'.*whole number ≥ 1"),
        ("FOLDERS", "", "length"),
        ("MIRROR", "", "https.*got ''"),
        ("BATCH_SIZE", "many", "got 'many'.*whole number ≥ 1"),
    ],
)
def test_names_what_is_wrong_in_the_environment(tmp_path, monkeypatch, name, value, expected):
    monkeypatch.setenv(f"INTERPRETING_CLIP_{name}", value)
    with pytest.raises(
        InputError, match=f"the environment: 'INTERPRETING_CLIP_{name}'.*{expected}"
    ):
        read_machine(tmp_path / "compute.yaml")
