"""`make check-encoder`: an entry of params.yaml is checked before anything is computed."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from tests.pipeline.zoo import pickled
from tests.reads import ROOT
from tools.__main__ import main

TIMM = {"kind": "timm", "model": "test_resnet"}
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a study of the real sets with one encoder, `mine`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/reference").symlink_to(ROOT / "data/reference")

    def write(backbone: dict[str, Any], weights: dict[str, Any], head: str = "trained") -> None:
        tree = load_tree(ROOT / "studies/laptop.yaml")
        tree["backbones"] = {"own": backbone}
        tree["weights"] = {"mine": {"backbone": "own", **weights}}
        kind = {"trained": "supervised", "random": "untrained"}.get(head, head)
        entry = {"label": "Mine", "training": kind, "backbone": "own", "data": "own", "head": head}
        tree["encoders"], tree["comparisons"], tree["untrained"] = {"mine": entry}, {}, {}
        tree["browse"]["encoders"] = []
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))

    return write


def checkpoint(content: bytes, **preprocessing: Any) -> dict[str, Any]:
    """Write a file of weights; return its entry."""
    Path("mine.pt").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return {"source": "checkpoint", "file": "mine.pt", "sha256": digest, **preprocessing}


def timm_model(**changes: Any) -> torch.nn.Module:
    import timm

    torch.manual_seed(0)
    return timm.create_model("test_resnet", **changes)


def lines(printed: str) -> dict[str, str]:
    """Return what is printed by the name of each line, all texts in one column."""
    assert all(line[15] == " " and line[16] != " " for line in printed.splitlines())
    return {line[:16].strip(): line[16:] for line in printed.splitlines()}


def test_a_classifier_that_fits(study, capsys):
    study(TIMM, checkpoint(pickled(timm_model().state_dict()), **HALF))
    main("check-encoder", "mine")
    found = lines(printed := capsys.readouterr().out)
    assert found["weights"].startswith("mine.pt, SHA-256 ")
    assert "all fit test_resnet" in printed and "taken: the whole file; head 'fc'" in printed
    assert "mean 0.5 0.5 0.5, std 0.5 0.5 0.5 (given)" in found["preprocessing"]
    assert "the architecture's" in found["preprocessing"]
    assert found["representation"] == "rectified, 96 features"
    assert found["head"].startswith("trained: 1,000 classes × 96 features as they are")
    assert found["forward pass"].startswith("noise: 96 features")


def test_a_head_of_other_classes_is_refused_and_a_random_one_drawn(study, capsys):
    entry = checkpoint(pickled(timm_model(num_classes=10).state_dict()))
    study(TIMM, entry)
    ways = r"'encoders\.mine\.head'.*10 rows.*`head: random`.*probe.*`classes`"
    with pytest.raises(InputError, match=ways):
        main("check-encoder", "mine")
    study(TIMM, entry, "random")
    main("check-encoder", "mine")
    found = lines(capsys.readouterr().out)
    assert found["head"].startswith("random: 1,000 classes × 96 features")


def test_damage_that_only_a_forward_pass_shows_is_found(study, capsys):
    weights = timm_model().state_dict()
    weights["layer4.0.conv1.weight"][0] = float("nan")
    study(TIMM, checkpoint(pickled(weights)))
    with pytest.raises(InputError, match=r"'weights\.mine': image 0: its activation is NaN"):
        main("check-encoder", "mine")
    assert "representation" in lines(capsys.readouterr().out)
