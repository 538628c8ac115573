from pathlib import Path

import pytest
import yaml

from interpreting_clip.encoders.encoder import clip_encoder, save_encoder
from interpreting_clip.errors import InputError
from tests.reads import run_stage
from tests.unit.encoders.conftest import TINY

PARAMS = {
    "kernels": "native",
    "threads": {"inference": 1},
    "heads": {"zero_shot": {"templates": ["a photo of a {}"]}},
    "interpolate": {"half": {"first": "clip", "second": "clip", "alpha": 0.5}},
}


def test_a_second_encoder_without_classes_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS))
    save_encoder(Path("data/weights/clip"), clip_encoder(TINY, None, 0))
    with pytest.raises(InputError, match=r"interpolate\.half\.second: 'clip'"):
        run_stage("interpolate", "half")
    assert not Path("data/weights/half").exists()
