"""What one section says of another."""

import re

import pytest

from stages.settings.references import NEEDED

FINETUNE = "finetune/rn_web_broad_finetuned"
UNTRAINED = {"source": "untrained", "backbone": "rn", "seed": 0}
GROUPS = "weights, pretrain, finetune, supervise"

BROKEN = [
    ("weights/rn_untrained", ..., f"'encoders.rn_untrained': .*one of {GROUPS}, got none"),
    ("weights/rn_web_broad", UNTRAINED, "'encoders.rn_web_broad': .*got weights and pretrain"),
    ("weights/forgotten", UNTRAINED, "'weights.forgotten': expected an entry .* in encoders"),
    (f"{FINETUNE}/start", "vit", "start': there is no 'vit'; legal values: rn_web_broad$"),
    (f"{FINETUNE}/dataset", "broden", "dataset': 'broden' has no classes; .*: .*imagenet_train"),
    ("comparisons/rn_finetuning/second", "vit", "second': there is no 'vit'; .*: rn_untrained, "),
    ("comparisons/rn_finetuning/first", "vit", "'comparisons.rn_finetuning.first': there is no 'v"),
    ("weights/rn_untrained/backbone", "vit", "'weights.rn_untrained.backbone': .*values: rn$"),
    ("encoders/rn_untrained/backbone", "vit", "'encoders.rn_untrained.backbone': .*values: rn$"),
    ("pretrain/rn_web_broad/dataset", "web", "dataset': there is no 'web'; .*: .*web_broad"),
    ("pretrain/rn_web_broad/dataset", "imagenet_r", "has no captions; legal values: web_broad$"),
    ("layers/images", 320, "'layers.images': expected at most the 200 images .*got 320"),
    ("encoders/rn_untrained/head", "trained", "head': an encoder of 'weights' .*kind 'random'"),
    ("datasets/broden/kind", "labelled", "'datasets.broden.kind': got 'labelled'; .*: probe$"),
    ("datasets/imagenet_v2/kind", "probe", "'datasets.imagenet_v2.kind': got 'probe'; .*labelled"),
]


@pytest.mark.parametrize(("path", "value", "expected"), BROKEN)
def test_names_the_key_and_the_legal_values(complaint, path, value, expected):
    assert re.match(f"params.yaml: .*{expected}", complaint({path: value}))


@pytest.mark.parametrize("name", NEEDED)
def test_no_study_without_a_needed_dataset(complaint, name):
    said = complaint({f"datasets/{name}": ...})
    assert said.startswith(f"params.yaml: 'datasets.{name}' is missing; a study needs {NEEDED[0]}")


def test_names_several_mistakes_at_once(complaint):
    paths = [
        f"{FINETUNE}/start",
        "comparisons/rn_finetuning/first",
        "encoders/rn_untrained/backbone",
    ]
    lines = complaint(dict.fromkeys(paths, "vit")).split("\n")
    assert len(lines) == len(paths)
    for path in paths:
        key = path.replace("/", ".")
        assert any(line.lstrip().startswith(f"params.yaml: '{key}': ") for line in lines)
