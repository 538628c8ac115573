from stages.reporting.families import families, label_controls
from tests.unit.reporting.conftest import read


def test_families_share_backbone_and_data(encoders):
    found = [(f.zero_shot.key, f.finetuned.key, f.supervised.key) for f in families(encoders)]
    assert found == [
        ("rn_web_broad", "rn_web_broad_finetuned", "rn_supervised"),
        ("vit_web_broad", "vit_web_broad_finetuned", "vit_supervised"),
    ]


def test_the_control_learnt_from_a_zero_shot_encoder_s_images(encoders):
    pairs = [(control.key, zero_shot.key) for control, zero_shot in label_controls(encoders)]
    assert pairs == [("rn_web_broad_labels", "rn_web_broad")]


def test_an_incomplete_family_is_none(study):
    del study["entries"]["rn_web_broad_finetuned"]
    found = families(read(study))
    assert [f.name for f in found] == ["ViT zero-shot, web-broad"]
