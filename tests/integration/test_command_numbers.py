"""The command's numbers of published activations are those of the study, to the last digit."""

import json
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.commands.measure import main
from tests.reads import ROOT

ARRAYS = ROOT / "data/arrays/clip_vit_b16_coco.safetensors"
OBJECTS = ROOT / "data/arrays/coco_val2017_objects.safetensors"
TRAINED, RANDOM = "clip_vit_b16", "clip_vit_b16_random"


def study(folder: str, entry: str) -> dict:
    return json.loads((ROOT / f"plots/{folder}/{entry}.json").read_text())


@pytest.fixture
def found(tmp_path: Path) -> dict:
    """Return what the command writes of a CLIP and of random weights."""
    np.save(tmp_path / "own_row.npy", np.arange(500))
    words = ["measure", f"{ARRAYS}:images", f"{ARRAYS}:random_images", "--normalize-features"]
    for texts in ("captions", "random_captions"):
        words += ["--head", f"{ARRAYS}:{texts}", "--captions", f"{ARRAYS}:{texts}"]
    words += ["--labels", str(tmp_path / "own_row.npy"), "--name", TRAINED, "--name", RANDOM]
    main([*words, "--report", str(tmp_path / "out")])
    return json.loads((tmp_path / "out/measures.json").read_text())


def test_measures_of_several_encoders_are_those_of_the_study(found):
    for entry in (TRAINED, RANDOM):
        measured, known = found["encoders"][entry]["measures"], study("arrays", entry)
        both = measured.keys() & known.keys()
        assert both == measured.keys() and len(both) >= 8
        assert {name: measured[name] for name in both} == {name: known[name] for name in both}
    (similarity,) = found["similarities"]
    numbers = study("arrays", TRAINED)["comparisons"]["random_images"]
    shared = {one["name"]: one["value"] for one in numbers}
    assert shared["cka.cka"] == similarity["results"]["cka"]["cka"]
    alignment = similarity["results"]["mutual_neighbours"]["alignment"]
    assert shared["mutual_neighbours.alignment"] == alignment
    kurtosis = [found["encoders"][entry]["measures"]["kurtosis"] for entry in (TRAINED, RANDOM)]
    (difference,) = [one for one in found["differences"] if one["number"]["name"] == "kurtosis"]
    expected = kurtosis[0]["kurtosis"]["value"] - kurtosis[1]["kurtosis"]["value"]
    assert difference["number"]["value"] == pytest.approx(expected, abs=2e-6)
