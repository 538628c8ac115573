from pathlib import Path

import pytest
import torch
import yaml

from stages.encoders.encoder import clip_encoder, load_encoder, save_encoder
from stages.encoders.heads import classifier_from_clip, zero_shot_head
from stages.interpolate import main
from stages.runtime.errors import InputError
from tests.unit.encoders.conftest import TINY

CLASSES, TEMPLATES = ["fish", "house"], ["a photo of a {}"]


ENTRY = {"first": "clip", "second": "tuned"}
PARAMS = {
    "threads": {"inference": 1},
    "heads": {"zero_shot": {"templates": TEMPLATES}},
    "interpolate": {
        "half": ENTRY | {"alpha": 0.5},
        "swapped": {"first": "tuned", "second": "clip", "alpha": 0.5},
    },
}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    clip = clip_encoder(TINY, None, 0)
    tuned = classifier_from_clip(clip, zero_shot_head(clip, CLASSES, TEMPLATES), CLASSES)
    torch.nn.init.ones_(tuned.visual.get_parameter("proj"))
    save_encoder(tmp_path / "data/weights/clip", clip)
    save_encoder(tmp_path / "data/weights/tuned", tuned)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def test_the_classifier_lies_between_clip_and_finetuned(study):
    main("half")
    clip, half = (load_encoder(study / "weights" / key) for key in ("clip", "half"))
    expected = 0.5 * clip.visual.get_parameter("proj") + 0.5
    torch.testing.assert_close(half.visual.get_parameter("proj"), expected)
    assert half.card.classes == CLASSES
    assert (study / "training/half/ready.json").exists()


def test_a_second_encoder_without_classes_is_refused(study):
    with pytest.raises(InputError, match=r"interpolate\.swapped\.second: 'clip' is no classifier"):
        main("swapped")
    assert not (study / "weights/swapped").exists()
