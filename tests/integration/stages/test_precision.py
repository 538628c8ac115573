"""The study's precision reaches every stage that passes images forward to measure them."""

from pathlib import Path

import numpy as np
import pytest

from stages import extract, extract_broden, extract_layers, extract_shifts, weights
from stages.config.test_sets import TEST_SETS
from stages.datasets.card import write_absent
from stages.files.arrays import read_tensors
from tests.pipeline.refusals import change

KEY = "rn_untrained"
FILES = {
    "activations": "imagenet_val.safetensors",
    "shift_activations": "imagenet_v2.safetensors",
    "broden_activations": "activations.safetensors",
    "layer_grams": "grams.safetensors",
}


@pytest.fixture
def prepared(study) -> None:
    for name in TEST_SETS[2:]:
        write_absent(name, Path("data/datasets") / name)
    change(layers={"images": 32, "minibatch": 16})
    weights.main(KEY)


def recorded(precision: str) -> dict[str, dict[str, np.ndarray]]:
    change(precision={"inference": precision})
    extract.main(KEY)
    extract_shifts.main(KEY)
    extract_broden.main(KEY)
    extract_layers.main(KEY)
    files = {name: Path("data") / name / KEY / file for name, file in FILES.items()}
    return {
        name: {key: np.array(array) for key, array in read_tensors(file).items()}
        for name, file in files.items()
    }


def test_bfloat16_changes_what_every_stage_records(prepared):
    exact, again, rough = (recorded(name) for name in ("float32", "float32", "bfloat16"))
    for name, arrays in exact.items():
        assert all(np.array_equal(arrays[key], again[name][key]) for key in arrays)
        assert any((arrays[key] != rough[name][key]).any() for key in arrays)
        assert all(rough[name][key].dtype == arrays[key].dtype for key in arrays)
