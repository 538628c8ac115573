"""An encoder that is added reruns no other; its activations, given back, lead to its results."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.encoders.activations_folder import write_activations_folder
from interpreting_clip.formats.tensors import read_tensors
from tests.pipeline.workspace import Workspace
from tests.reads import folder_digests

OWN = "rn_web_broad_finetuned"
MEASURED = ("activations", "heads", "broden_activations", "directions", "robustness", "kurtosis")
MEASURED += ("concepts",)


@pytest.fixture
def given(clean: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Give a study an encoder `mine`, whose activations are those of another encoder of it."""
    monkeypatch.chdir(clean.folder)
    clean.run("python", "-m", "tools", "image-list")
    tree = clean.params()
    arrays = {
        name: read_tensors(Path(f"data/activations/{OWN}/{name}.safetensors"))["activations"]
        for name in TEST_SETS
    }
    file = Path(f"data/broden_activations/{OWN}/activations.safetensors")
    arrays["broden"] = read_tensors(file)["activations"]
    head = read_tensors(Path(f"data/heads/{OWN}/head.safetensors"))["weight"]
    classes = Path("lists/classes.txt").read_text().splitlines()
    digest = write_activations_folder("given", arrays, "lists", head=head, classes=classes)
    tree["backbones"]["elsewhere"] = {"kind": "external", "model": "a ResNet in JAX"}
    entry = {"source": "activations", "backbone": "elsewhere", "folder": "given", "sha256": digest}
    tree["weights"]["mine"] = entry | {"representation": "linear", "normalize_features": True}
    tree["encoders"]["mine"] = tree["encoders"][OWN] | {"label": "Mine"}
    Path("params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    yield clean
    # Not ignored by git, so that other tests of the same clone would find it changed.
    shutil.rmtree("given")


def test_the_results_are_those_of_the_encoder_and_no_other_is_computed_again(given):
    every = {name.partition("@")[0] for name in given.lock() if name.endswith(f"@{OWN}")}
    added = {f"{stage}@mine" for stage in (every - {"finetune"}) | {"weights"}}
    assert given.repro() == {*added, "study", "report"}
    for name in MEASURED:
        assert folder_digests(Path("data", name, "mine")) == folder_digests(
            Path("data", name, OWN)
        ), name
    metrics = Path("metrics")
    assert (metrics / "mine.json").read_bytes() == (metrics / f"{OWN}.json").read_bytes()
    mine, own = (
        json.loads(Path(f"plots/encoders/{key}.json").read_text()) for key in ("mine", OWN)
    )
    for name in ("training", "layer_outliers"):  # nothing of either comes with activations
        assert mine.pop(name) == [] and own.pop(name), name
    assert mine == own
    assert "computed elsewhere: <code>given</code>" in Path("plots/report.html").read_text()
