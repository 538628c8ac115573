"""How this machine runs a study."""

import pytest

from stages.storage.errors import InputError
from stages.storage.machine import Machine, read_machine


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in ("DEVICE", "BATCH_SIZE"):
        monkeypatch.delenv(f"INTERPRETING_CLIP_{name}", raising=False)


def test_has_defaults(tmp_path):
    assert read_machine(tmp_path / "compute.yaml") == Machine(device="cpu", batch_size=256)


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / "compute.yaml"
    file.write_text("device: cuda:1\nbatch_size: 8\n")
    assert read_machine(file) == Machine(device="cuda:1", batch_size=8)
    monkeypatch.setenv("INTERPRETING_CLIP_BATCH_SIZE", "16")
    assert read_machine(file) == Machine(device="cuda:1", batch_size=16)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("devise: cpu", "unknown field `devise`; legal keys: device, batch_size"),
        ("device: gpu", "'device'.*cuda.*got 'gpu'"),
        ("batch_size: 0", "'batch_size'.*got 0.*whole number ≥ 1"),
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
        ("BATCH_SIZE", "many", "expected a whole number, got 'many'"),
    ],
)
def test_names_what_is_wrong_in_the_environment(tmp_path, monkeypatch, name, value, expected):
    monkeypatch.setenv(f"INTERPRETING_CLIP_{name}", value)
    with pytest.raises(
        InputError, match=f"the environment: 'INTERPRETING_CLIP_{name}'.*{expected}"
    ):
        read_machine(tmp_path / "compute.yaml")
