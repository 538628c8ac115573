import io
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from stages.encoders.weight_files import read_state_dict
from stages.runtime.errors import InputError

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(()), "n": torch.tensor([3])}


def pickled(content: object, **how: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **how)
    return stream.getvalue()


def read(tmp_path: Path, content: bytes) -> Mapping[str, torch.Tensor]:
    file = tmp_path / "0123abcd"
    file.write_bytes(content)
    return read_state_dict(file, "zoo/mine.pt")


def prefixed(*prefixes: str) -> dict:
    return {"".join(prefixes) + name: value for name, value in WEIGHTS.items()}


@pytest.mark.parametrize(
    "content",
    [
        save(WEIGHTS),
        pickled(WEIGHTS),
        pickled(WEIGHTS, _use_new_zipfile_serialization=False),
        pickled({"epoch": 3, "state_dict": prefixed("module."), "optimizer": {"lr": 0.1}}),
        pickled({"model": WEIGHTS, "args": None}),
        pickled(prefixed("_orig_mod.", "module.")),
        pickled(WEIGHTS | {"input_resolution": torch.tensor(224), "vocab_size": 49408}),
    ],
    ids=["safetensors", "zip", "old pickle", "training", "model", "compiled", "openai"],
)
def test_every_format_gives_the_same_weights(tmp_path, content):
    weights = read(tmp_path, content)
    assert weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(weights[name], value) for name, value in WEIGHTS.items())


class Harmful:
    """What a pickle would execute."""

    def __reduce__(self) -> tuple:
        return (print, ("executed",))


def test_nothing_is_executed(tmp_path, capsys):
    with pytest.raises(InputError, match=r"zoo/mine\.pt: cannot be read without executing"):
        read(tmp_path, pickled({"state_dict": WEIGHTS, "hook": Harmful()}))
    assert "executed" not in capsys.readouterr().out


def test_programs_are_refused(tmp_path):
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mine/code/__torch__.py", "class Net: ...")
        archive.writestr("mine/data.pkl", b"")
    with pytest.raises(InputError, match=r"TorchScript.*state_dict"):
        read(tmp_path, stream.getvalue())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (save(WEIGHTS)[:-5], "damaged safetensors"),
        (pickled(WEIGHTS)[:-200], "damaged"),
        (b"<html>not found</html>", "damaged"),
        (b"", "damaged"),
        (pickled(torch.ones(3)), "expected a state dict, got Tensor"),
        (pickled({}), "expected a state dict"),
        (pickled({"weights": WEIGHTS, "epoch": 3}), "'weights' is no tensor but dict"),
    ],
)
def test_damaged_and_other_files_are_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=rf"zoo/mine\.pt: .*{message}"):
        read(tmp_path, content)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    stream = io.BytesIO()
    torch.save({"epoch": 3, "state_dict": WEIGHTS}, stream, _use_new_zipfile_serialization=False)
    whole = stream.getvalue()
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(InputError, match=r"^zoo/mine\.pt: .*damaged.*get it again"):
            read(tmp_path, whole[:length])


def test_nobody_is_told_to_execute_the_file(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, pickled({"state_dict": WEIGHTS, "hook": Harmful()}))
    said = str(caught.value)
    assert "(Unsupported global: GLOBAL print was not an allowed global by default)" in said
    assert "weights_only" not in said and "\x1b" not in said
