import re
from copy import deepcopy

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.config.synthetic import CLASSES
from interpreting_clip.study.check import check
from interpreting_clip.study.check_datasets import NEEDED
from tests.pipeline.workspace import NANO
from tests.reads import ROOT

FINETUNE = "finetune/rn_web_broad_finetuned"
PROBE = "probe/rn_web_broad_probe"
UNTRAINED = {"source": "untrained", "backbone": "rn", "seed": 0}
GROUPS = "weights, pretrain, finetune, supervise, interpolate, probe"

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
    ("pretrain/rn_web_broad/dataset", "imagenet_r", "has no captions; legal values: web_broad\n"),
    ("untrained/vit", {"encoders": 3, "images": 50, "seed": 1}, "'untrained.vit': .*names: rn$"),
    ("untrained/rn/images", 320, "'untrained.rn.images': expected at most the 200 images .*got 3"),
    ("layers/images", 320, "'layers.images': expected at most the 200 images .*got 320"),
    ("encoders/rn_untrained/head", "trained", "head': .* of 'weights.rn_untrained' .*'random'"),
    (
        "datasets/broden/kind",
        "labelled",
        "broden.kind': got 'labelled'; .*: probe, broden, absent$",
    ),
    (f"{PROBE}/start", "vit", "start': there is no 'vit'; legal values: rn_untrained, rn_web"),
    (f"{PROBE}/start", "rn_web_broad_probe", "start': there is no .*values: rn_untrained, rn_w"),
    (f"{PROBE}/dataset", "broden", "dataset': 'broden' has no classes"),
    (f"{PROBE}/features", "tokens", "features': .*values: before_projection, emb"),
    ("encoders/rn_web_broad_probe/head", "random", "head': .* of 'probe.rn_web.* kind 'trained'"),
    ("heads/probe/penalties", [0.1, 0.1], "'heads.probe': `penalties`: expected each once"),
    ("heads/probe/images_per_class", 1, "'heads.probe.images_per_class': "),
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


ZOO = {"kind": "open_clip", "model": "RN50-quickgelu"}
HUB = {"kind": "open_clip", "model": "hf-hub:owner/name"}
REAL = {"source": "folder", "folder": "val"}
ABSENT = {"kind": "absent", "source": "none"}
HALF = {"first": "rn_web_broad", "second": "rn_web_broad_finetuned", "alpha": 0.5}
WEIGHTS = "weights/rn_untrained"
TIMM = {"kind": "timm", "model": "vit_base_patch14_dinov2"}
HUB_TIMM = {"kind": "timm", "model": "hf-hub:owner/name"}
TIMM_WEIGHTS = {"source": "timm", "backbone": "rn"}
DINO = {"weights/dino": {"source": "timm", "backbone": "dino", "tag": "lvd142m"}}
ITS_PROBE = {f"{PROBE}/start": "dino", f"{PROBE}/features": "before_projection"}
LOST = "sources.folder'; legal values: world$"

OWN = load_tree(NANO)["shifts"]["tilted"]
OWN_REAL = {
    **{"kind": "own", "source": "folder", "folder": "mine", "classes": "all"},
    **{"label": "Mine", "baseline": "none"},
}
NO_RING = [name for name in CLASSES if name != "ring"]

TRAIN = "datasets/imagenet_train"
MISFITS = [
    ({WEIGHTS: {"source": "open_clip", "tag": "x", "backbone": "rn"}}, "is of the kind 'clip'"),
    ({"backbones/rn": ZOO, WEIGHTS: {"source": "open_clip", "backbone": "rn"}}, "tag' is missing"),
    ({WEIGHTS: {"source": "timm", "tag": "x", "backbone": "rn"}}, "legal values: none yet"),
    ({"backbones/rn": TIMM, WEIGHTS: TIMM_WEIGHTS}, "'weights.rn_untrained.tag' is missing"),
    ({"backbones/rn": HUB_TIMM, WEIGHTS: TIMM_WEIGHTS | {"tag": "x"}}, "leave `tag` out"),
    ({"backbones/dino": TIMM, **DINO, **ITS_PROBE}, "features': 'before_projection' needs .*timm"),
    ({"interpolate/half": HALF}, "'interpolate.half': expected an entry 'half' in encoders"),
    ({"interpolate/half": HALF | {"first": "vit"}}, "first': there is no 'vit'; .*: rn_web_broad$"),
    ({"datasets/imagenet_val": REAL | {"kind": "imagenet"}}, LOST),
    ({"datasets/imagenet_v2": REAL | {"kind": "imagenet_r"}}, "got 'imagenet_r'; .*imagenet_v2, "),
    ({"datasets/imagenet_v2": ABSENT, "sources/none": {}}, "source': 'trained' needs drawn"),
    ({"datasets/web_broad": ABSENT, "sources/none": {}}, "only imagenet_train, .* can be absent"),
    ({"datasets/imagenet_train": ABSENT, "sources/none": {}}, "'imagenet_train' has no classes"),
    (
        {"datasets/imagenet_val/classes": ["ring"]},
        "'datasets.imagenet_v2.classes': .*abscissa: all_cl",
    ),
    ({f"{TRAIN}/images": 599}, "'datasets.imagenet_train': expected 50 images per class"),
    ({f"{TRAIN}/classes": ["ring"]}, "'datasets.imagenet_train': .* of two classes"),
    ({f"{TRAIN}/classes": ["ring", "star"]}, "'datasets.imagenet_r.classes': .*train.*circle"),
    (
        {"encoders/rn_untrained/label": "RN zero-shot, web-broad"},
        "label': expected its own label",
    ),
    ({"backbones/rn": HUB}, "'untrained.rn': .*owner/name.* known only with its weights"),
    ({"encoders": {}}, "'encoders': expected one or more"),
    ({"datasets/web_broad/classes": ["ring"]}, "'datasets.web_broad.classes': expected all"),
    ({"backbones/rn/text/context": 6}, "'backbones.rn.text.context': expected 7 or more.*got 6"),
    (
        {"shifts/tilted/classes": ["ring"], f"{TRAIN}/classes": NO_RING},
        "'shifts.tilted.classes': .*train.*ring",
    ),
    ({"datasets/imagenet_val/classes": NO_RING, "shifts/tilted/classes": ["ring"]}, "'shifts.tilt"),
    ({"shifts/tilted/label": "ImageNet-r"}, "'shifts.tilted.label': .*the one of 'imagenet_r'"),
    ({"shifts/other": OWN}, "'shifts.tilted.label': .*the one of 'other', 'Tilted'"),
    ({"shifts/r": OWN}, "'shifts.r': expected a name of its own, .*'imagenet_r'"),
    ({"shifts/imagenet_tilted": OWN}, "'shifts.tilted': .*'imagenet_tilted'"),
    ({"shifts/imagenet_on_r_classes": OWN}, "'shifts.imagenet_on_r_classes': .*'imagenet_r'"),
    ({"shifts/imagenet": OWN}, "'shifts.imagenet': .*'imagenet'"),
    ({"shifts/web_broad": OWN}, "'shifts.web_broad': .*'web_broad'"),
    ({"shifts/broden": OWN}, "'shifts.broden': .*'broden'"),
    (
        {"shifts/mine": OWN_REAL, "sources/folder": {"images_per_shard": 9}},
        "'shifts.mine': .*all drawn or all real",
    ),
    ({"shifts/mine": OWN_REAL}, "'shifts.mine.source': there is no section 'sources.folder'"),
    ({"baseline/source": "published"}, "'shifts.tilted.baseline': 'trained' needs"),
]


@pytest.mark.parametrize(("changes", "expected"), MISFITS)
def test_refuses_what_does_not_fit(complaint, changes, expected):
    assert re.search(expected, complaint(changes), re.MULTILINE)


EXTERNAL = {"kind": "external", "model": "a net in JAX"}
GIVEN = {
    "source": "activations",
    "backbone": "jax",
    "folder": "mine",
    "sha256": "0" * 64,
    "representation": "linear",
    "normalize_features": True,
}
GIVEN_STUDY = {"backbones/jax": EXTERNAL, WEIGHTS: GIVEN, "encoders/rn_untrained/head": "trained"}
GIVEN_MISFITS = [
    ({"encoders/rn_untrained/head": "zero_shot"}, "head of the kind 'trained or random', got 'z"),
    ({WEIGHTS: GIVEN | {"backbone": "rn2"}}, "'weights.rn_untrained.backbone': there is no 'rn2'"),
    ({WEIGHTS: GIVEN | {"representation": "x"}}, "'weights.rn_untrained.representation'"),
    ({WEIGHTS: GIVEN | {"sha256": "0" * 63}}, "'weights.rn_untrained.sha256'"),
    (
        {"comparisons/rn_finetuning/first": "rn_untrained"},
        "'comparisons.rn_finetuning.first': 'rn_untrained' is a folder of activations",
    ),
    (
        {f"{FINETUNE}/start": "rn_untrained", WEIGHTS: GIVEN | {"backbone": "rn"}},
        "start': there is no 'rn_untrained'; legal values: rn_web_broad$",
    ),
    (
        {
            "encoders/rn_untrained/backbone": "jax",
            "untrained": {"jax": {"encoders": 3, "images": 50, "seed": 1}},
        },
        "'untrained.jax': .*a net in JAX.* is not built here",
    ),
    ({WEIGHTS: UNTRAINED | {"backbone": "jax"}}, "'weights.rn_untrained.backbone': 'jax' is of t"),
    (
        {"pretrain/rn_web_broad/backbone": "jax"},
        "'pretrain.rn_web_broad.backbone': 'jax' is of the kind 'external'",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), GIVEN_MISFITS)
def test_refuses_what_a_folder_of_activations_cannot_have(complaint, changes, expected):
    assert re.search(expected, complaint(GIVEN_STUDY | changes), re.MULTILINE)


@pytest.mark.parametrize("backbone", ["jax", "rn"])
@pytest.mark.parametrize("head", ["trained", "random"])
def test_a_folder_of_activations_is_legal_with_any_backbone(tmp_path, backbone, head):
    tree = load_tree(NANO)
    tree["backbones"]["jax"] = EXTERNAL
    tree["weights"]["mine"] = GIVEN | {"backbone": "jax"}
    tree["encoders"]["mine"] = tree["encoders"]["rn_untrained"] | {
        "label": "Mine",
        "backbone": backbone,
        "head": head,
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    assert check(tmp_path / "params.yaml").encoders["mine"].head == head


TREE = load_tree(NANO)
UNUSED = {
    "sources/folder": {"images_per_shard": 10},
    "datasets/forgotten": TREE["datasets"]["web_broad"],
    "backbones/forgotten": ZOO,
    "recipes/forgotten": TREE["recipes"]["pretraining"],
}


@pytest.mark.parametrize("path", UNUSED)
def test_an_entry_that_nothing_uses_is_refused(complaint, path):
    key = path.replace("/", ".")
    expected = f"params.yaml: '{key}': nothing uses it; take the entry out"
    assert complaint({path: UNUSED[path]}).startswith(expected)


@pytest.mark.parametrize("file", [ROOT / "params.yaml", NANO, *(ROOT / "studies").glob("*.yaml")])
def test_our_studies_are_legal(file):
    study = check(file)
    assert study.encoders
    assert study.comparisons or file.stem in ("acceptance", "replicas")  # they compare no layers


def test_weights_may_be_there_for_their_probe_alone(tmp_path):
    study = deepcopy(TREE)
    study["backbones"]["dino"] = TIMM
    study["weights"]["dino"] = DINO["weights/dino"]
    study["probe"]["rn_web_broad_probe"] |= {"start": "dino", "features": "embedding"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(study))
    found = check(tmp_path / "params.yaml")
    assert "dino" in found.weights and "dino" not in found.encoders
