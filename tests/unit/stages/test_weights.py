import hashlib
import json
from pathlib import Path

import pytest
import yaml
from safetensors.torch import save

from stages.config.encoders import TorchvisionModel
from stages.encoders.encoder import initialise, load_encoder
from stages.encoders.library_models import build_library_model
from stages.runtime.errors import InputError
from stages.weights import main

RESNET = TorchvisionModel(model="resnet18")


def params(sha256: str) -> dict:
    file = {"source": "checkpoint", "backbone": "rn18", "file": "mine.safetensors"}
    return {
        "backbones": {"rn18": {"kind": "torchvision", "model": "resnet18"}},
        "weights": {
            "mine": file | {"sha256": sha256},
            "wrong": file | {"sha256": "ab" * 32},
            "null_rn18": {"source": "untrained", "backbone": "rn18", "seed": 3},
        },
    }


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = build_library_model(RESNET, 3)
    assert model.head is not None
    names = {f"fc.{name}": value for name, value in model.head.state_dict().items()}
    content = save(model.module.state_dict() | names)
    (tmp_path / "mine.safetensors").write_bytes(content)
    tree = params(hashlib.sha256(content).hexdigest())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_weights_and_a_note_that_they_came_ready(study):
    main("mine")
    encoder = load_encoder(study / "data/weights/mine")
    expected = build_library_model(RESNET, 3).head
    assert encoder.head is not None and expected is not None
    assert (encoder.head.weight == expected.weight).all()
    assert json.loads((study / "data/training/mine/ready.json").read_text()) == {}


def test_an_untrained_encoder_is_that_of_its_seed(study):
    main("null_rn18")
    encoder = load_encoder(study / "data/weights/null_rn18")
    expected = initialise(RESNET, 3).module.state_dict()
    assert all((expected[k] == t).all() for k, t in encoder.module.state_dict().items())


def test_a_second_run_gives_the_same_bytes(study):
    runs = []
    for _ in range(2):
        main("mine")
        files = sorted((study / "data").rglob("*.*"))
        runs.append([file.read_bytes() for file in files])
    assert runs[0] == runs[1] and len(runs[0]) == 3


def test_nothing_is_left_of_weights_that_are_refused(study):
    with pytest.raises(InputError, match="expected the SHA-256"):
        main("wrong")
    assert not (study / "data").exists()
