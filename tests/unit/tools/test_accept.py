"""What `make accept` says of results that agree with the published ones, and of others."""

import re
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.published.sources import FOLDER as PUBLISHED
from tests.reads import ROOT
from tools import accept
from tools.accept import ENCODER, EXTREME, FOLDER

CLASSES = {"classes": ["tench"], "class_indices": [0], "source": "", "licence": "", "shards": []}


def write_results(imagenet=63.32, v2=55.92, features=(EXTREME,), *, partial=False) -> None:
    """Write what a run leaves: by default, the published accuracies and the expected feature."""
    results = read_json(ROOT / "plots/encoders/rn_supervised.json")
    results["robustness"]["imagenet"] = imagenet
    results["robustness"]["per_shift"]["imagenet_v2"]["accuracy"] = {"value": v2}
    extreme = {"feature": list(features), "share": [0.987 for _ in features]}
    results["kurtosis"]["outliers"] |= extreme
    write_json(FOLDER / f"plots/encoders/{ENCODER}.json", results)
    for key in ("imagenet_val", "imagenet_v2"):
        place = FOLDER / "data/datasets" / key
        place.mkdir(parents=True)
        known = {"images": 50, "partial": partial, "origin": {f"owner/{key}": "ab" * 20}}
        write_card(DatasetCard(dataset=key, **CLASSES, **known), place)
    for name in (PUBLISHED, "interpreting_clip/reference"):
        shutil.copytree(ROOT / name, FOLDER / name)


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"imagenet": 63.02, "v2": 56.22, "features": (7, 8)}, set()),
        ({"imagenet": 63.63, "features": ()}, {"ImageNet", "outlier"}),
        ({"partial": True}, {"ImageNet", "ImageNet-V2"}),
    ],
)
def test_the_lines_to_post_and_the_status(
    tmp_path: Path, monkeypatch, capsys, changed: dict[str, Any], differs: set[str]
):
    monkeypatch.chdir(tmp_path)
    write_results(**changed)
    monkeypatch.setattr(accept, "prepare", lambda folder: None)
    monkeypatch.setattr(accept, "run", lambda folder, places: None)
    with pytest.raises(SystemExit, match=r"^1$") if differs else nullcontext():
        accept.main()
    _, posted, _ = capsys.readouterr().out.split("```\n")
    assert set(re.findall(r"^(\S+) .*: DIFFERS$", posted, re.MULTILINE)) == differs
    assert re.search(f"^verdict +{'DIFFERS' if differs else 'agrees'}", posted, re.MULTILINE)
    assert f"owner/imagenet_v2@{'ab' * 20}" in posted and str(tmp_path) not in posted


def test_a_run_that_stops_says_how_to_continue(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: type("Done", (), {"returncode": 1}))
    with pytest.raises(InputError, match="make accept"):
        accept.run(tmp_path, {})
