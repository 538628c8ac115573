"""What `make accept` says of results that agree with the published ones, and of others."""

import re
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from interpreting_clip.config.machine import Machine
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.published.sources import FOLDER as PUBLISHED
from tests.reads import ROOT
from tools import accept
from tools.accept import (
    ENCODER,
    EXTREME,
    FOLDER,
    SETS,
    STUDY,
    outcome,
)

Results = Callable[..., Path]
CLASSES = {"classes": ["tench"], "class_indices": [0], "source": "", "licence": "", "shards": []}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Write what a run leaves: by default, the published accuracies and the expected feature."""

    def write(imagenet=63.32, v2=55.92, features=(EXTREME,), *, partial=False) -> Path:
        folder = tmp_path / FOLDER
        results = read_json(ROOT / "plots/encoders/rn_supervised.json")
        results["robustness"]["imagenet"] = imagenet
        results["robustness"]["per_shift"]["imagenet_v2"]["accuracy"] = {"value": v2}
        extreme = {"feature": list(features), "share": [0.987 for _ in features]}
        results["kurtosis"]["outliers"] |= extreme
        write_json(folder / f"plots/encoders/{ENCODER}.json", results)
        for (_, key), images in zip(SETS.values(), (50_000, 10_000), strict=True):
            place = folder / "data/datasets" / key
            place.mkdir(parents=True, exist_ok=True)
            origin = {f"clip-benchmark/{key}": "ab" * 20}
            known = {"images": images, "partial": partial, "origin": origin}
            write_card(DatasetCard(dataset=key, **CLASSES, **known), place)
        for name in (PUBLISHED, "interpreting_clip/reference", "studies"):
            shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
        (folder / "params.yaml").write_bytes((ROOT / STUDY).read_bytes())
        outs = [{"path": f"data/kurtosis/{ENCODER}", "md5": f"{'c' * 32}.dir"}]
        stages = {f"kurtosis@{ENCODER}": {"cmd": "x", "outs": outs}}
        (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
        seconds = folder / f".scratch/seconds/kurtosis@{ENCODER}"
        seconds.parent.mkdir(parents=True, exist_ok=True)
        seconds.write_text("4321.0\n")
        return folder

    return write


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"imagenet": 63.02, "v2": 56.22, "features": (7, 8)}, set()),
        ({"imagenet": 63.63, "features": ()}, {"ImageNet", "outlier features"}),
        ({"partial": True}, {"ImageNet", "ImageNet-V2"}),
    ],
)
def test_results_that_differ(results: Results, changed: dict[str, Any], differs: set[str]):
    found = outcome(results(**changed))
    assert {name for name, _, agrees in found if agrees is False} == differs


@pytest.mark.parametrize(("imagenet", "status"), [(63.4, 0), (60.0, 1)])
def test_the_lines_to_post_and_the_status(
    results: Results, tmp_path: Path, monkeypatch, capsys, *, imagenet: float, status: int
):
    results(imagenet=imagenet)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(accept, "prepare", lambda folder: None)
    monkeypatch.setattr(accept, "run", lambda folder, machine: None)
    with pytest.raises(SystemExit, match=r"^1$") if status else nullcontext():
        accept.main()
    _, posted, after = capsys.readouterr().out.split("```\n")
    assert not after
    for text in (
        r"^versions +Python 3\.\d+\.\d+, torch 2\.",
        r"^settings +kernels native, float32, 4 threads$",
        r"^time +72 minutes of stages$",
        r"^source +ImageNet-V2: clip-benchmark/imagenet_v2@(ab){20}$",
        rf"^md5 +data/kurtosis/{ENCODER} c{{32}}\.dir$",
        r"^study +acceptance\.yaml [0-9a-f]{12}$",
        r"^verdict +" + ("DIFFERS" if status else "agrees"),
    ):
        assert re.search(text, posted, re.MULTILINE), text
    assert str(tmp_path) not in posted


def test_a_run_that_stops_says_how_to_continue(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: type("Done", (), {"returncode": 1}))
    with pytest.raises(accept.InputError, match="make accept"):
        accept.run(tmp_path, Machine())
