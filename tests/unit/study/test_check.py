import re

import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.study.check import check
from tests.pipeline.workspace import NANO
from tests.reads import ROOT

TREE = load_tree(NANO)
FINETUNE = "finetune/rn_web_broad_finetuned"
PROBE = "probe/rn_web_broad_probe"
ENTRY = "shift_encoders/tilted_rn_web_broad"
UNTRAINED = {"source": "untrained", "backbone": "rn", "seed": 0}
GROUPS = "weights, pretrain, finetune, supervise, interpolate, probe"

BROKEN = [
    ("datasets/broden", ..., "'datasets.broden': is missing"),
    ("weights/rn_untrained", ..., f"'encoders.rn_untrained': .*{GROUPS}"),
    ("weights/rn_web_broad", UNTRAINED, "'encoders.rn_web_broad': .*weights and pretrain"),
    (f"{FINETUNE}/dataset", "broden", "dataset': 'broden' .*'probe'.*imagenet_train"),
    ("untrained/vit", {"encoders": 3, "images": 50, "seed": 1}, "'untrained.vit': .*rn$"),
    ("layers/images", 320, "'layers.images': .*320 images.*has 200"),
    ("encoders/rn_untrained/head", "trained", "head': .*'weights.rn_untrained' .*: random$"),
    ("encoders/rn_web_broad_probe/training", "supervised", "training': .*'probe.rn.*: probed$"),
    (
        f"{PROBE}/dataset",
        "imagenet_val",
        "dataset': 'imagenet_val' is a test set.*: imagenet_train",
    ),
]


ZOO = {"kind": "open_clip", "model": "RN50-quickgelu"}
REAL = {"source": "folder", "folder": "val"}
ABSENT = {"kind": "absent", "source": "none"}
HALF = {"first": "rn_web_broad", "second": "rn_web_broad_finetuned", "alpha": 0.5}
WEIGHTS = "weights/rn_untrained"
TIMM = {"kind": "timm", "model": "vit_base_patch14_dinov2"}
DINO = {"weights/dino": {"source": "timm", "backbone": "dino", "tag": "lvd142m"}}
ITS_PROBE = {f"{PROBE}/start": "dino", f"{PROBE}/features": "before_projection"}
OWN_REAL = {
    **{"kind": "own", "source": "folder", "folder": "mine", "classes": "all"},
    **{"label": "Mine", "baseline": "none"},
}
FEW = TREE["datasets"]["imagenet_train"] | {"images": 47}
LIBRARY = {"source": "torchvision", "backbone": "rn50", "tag": "IMAGENET1K_V1"}

MISFITS = [
    ({"backbones/rn": ZOO, WEIGHTS: {"source": "open_clip", "backbone": "rn"}}, "tag': is missing"),
    ({"backbones/dino": TIMM, **DINO, **ITS_PROBE}, "features': 'before_projection' .*timm"),
    ({"interpolate/half": HALF}, "'interpolate.half': .*encoders"),
    ({"datasets/imagenet_val": REAL | {"kind": "imagenet"}}, "'sources.folder'; .*: world$"),
    ({"datasets/imagenet_train": ABSENT, "sources/none": {}}, "'imagenet_train' .*'absent'"),
    ({"datasets/imagenet_val/classes": ["ring"]}, "'datasets.imagenet_v2.classes': .*abscissa"),
    ({"shifts/tilted/label": "ImageNet-r"}, "'shifts.tilted.label': .*'imagenet_r'"),
    (
        {"shifts/mine": OWN_REAL, "sources/folder": {"images_per_shard": 9}},
        "'shifts.mine': .*all synthetic or all real",
    ),
    ({"baseline/source": "published"}, "'shifts.tilted.baseline': 'trained'"),
    ({f"{ENTRY}/shift": "other"}, "rn_web_broad.shift': there is no 'other'; .*: tilted$"),
    ({f"{ENTRY}/encoder": "other"}, "rn_web_broad.encoder': there is no 'other'; .*rn_web_broad,"),
    (
        {"shift_encoders/again": TREE["shift_encoders"]["tilted_rn_web_broad"]},
        "'shift_encoders.again': 'tilted_rn_web_broad' measures 'rn_web_broad' on 'tilted', too",
    ),
    (
        {"shifts/other": TREE["shifts"]["tilted"] | {"label": "Other"}},
        "'shifts.other': no encoder is measured on it; .*'shift_encoders'",
    ),
    ({"datasets/few": FEW, f"{PROBE}/dataset": "few"}, "dataset': 'few' .*47 images.*48"),
    (
        {
            "backbones/rn50": {"kind": "torchvision", "model": "resnet50"},
            **{WEIGHTS: LIBRARY, "encoders/rn_untrained/head": "trained"},
        },
        "'encoders.rn_untrained.head': .*1,000 classes.*synthetic",
    ),
]


DOWNLOAD = {"url": "https://example.org/a.npy", "sha256": "0" * 64}
OBJECTS = "labelled_arrays/clip_objects"
FETCHED = "data/downloaded_arrays/mine.safetensors"
ARRAYS = [
    ({"arrays/clip/file": "data/arrays/gone.safetensors"}, "'arrays.clip.file': .*gone"),
    ({"arrays/clip/sha256": ...}, "'arrays.clip.sha256': is missing"),
    (
        {"arrays/clip/head": "none", "arrays/clip/normalize_features": False},
        "clip.head': .*classes",
    ),
    ({"arrays/again": TREE["arrays"]["clip"]}, "'arrays.again.label': .*'arrays.clip'"),
    ({f"{OBJECTS}/file": "data/arrays/gone.safetensors"}, "clip_objects.file': .*gone.*clip_vit"),
    ({f"{OBJECTS}/labelled": "data/arrays/gone.safetensors"}, "clip_objects.labelled': .*gone"),
    (
        {"array_downloads/mine": DOWNLOAD | {"url": "https://me:secret@example.org/a"}},
        "'array_downloads.mine': .*login",
    ),
]


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
    ({"encoders/rn_untrained/head": "zero_shot"}, "trained, random"),
    (
        {
            f"{PROBE}/start": "rn_untrained",
            "comparisons/rn_finetuning/first": "rn_web_broad_probe",
        },
        "'comparisons.rn_finetuning.first': ",
    ),
    ({"pretrain/rn_web_broad/backbone": "jax"}, "'pretrain.rn_web_broad.backbone': .*'external'"),
]


REFUSED = [
    *(({path: value}, expected) for path, value, expected in BROKEN),
    ({"datasets/spare": TREE["datasets"]["web_broad"]}, "'datasets.spare': nothing uses it"),
    *((GIVEN_STUDY | changes, expected) for changes, expected in GIVEN_MISFITS),
    *MISFITS,
    *ARRAYS,
]


@pytest.mark.parametrize(("changes", "expected"), REFUSED)
def test_names_the_key_and_the_legal_values(complaint, changes, expected):
    said = complaint(changes)
    assert re.search(expected, said, re.MULTILINE) and "secret" not in said
    assert all(re.match(" *params.yaml: '", line) for line in said.split("\n"))


LOCAL = ROOT / "studies/local.yaml"
TRAIN_FOLDER = {"kind": "imagenet", "source": "folder", "folder": "train"}
REAL_PROBE = {
    **{"backbones/dino": TIMM, **DINO, "sources/none": ...},
    "datasets/imagenet_train": TRAIN_FOLDER | {"partial": True},
    "probe/probed": {"start": "dino", "dataset": "imagenet_train", "features": "embedding"},
    "encoders/probed": {
        **{"label": "Probed", "training": "probed", "backbone": "dino", "data": "lvd142m"},
        "head": "trained",
    },
}


def test_a_probe_needs_two_images_of_each_of_imagenets_classes(complaint):
    changes = {"datasets/learnt": TRAIN_FOLDER | {"limit": 1999}, "probe/probed/dataset": "learnt"}
    said = complaint(REAL_PROBE | changes, LOCAL)
    assert re.search("'probe.probed.dataset': 'learnt' .*1,999 images.*2,000", said)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"datasets/imagenet_r/limit": 199}, "'datasets.imagenet_r.limit': .*200"),
        # of each class the same number, here one
        ({"datasets/imagenet_val/limit": 1999, "layers/images": 1024}, "has 1,000"),
    ],
)
def test_a_limit_leaves_enough_images(complaint, changes, expected):
    assert re.search(expected, complaint(changes, LOCAL))


FAR = {key: value for key, value in TREE["arrays"]["clip"].items() if key != "sha256"}
FAR |= {"file": FETCHED, "label": "Far", "head": "none", "classes": "none"}
FAR |= {"normalize_features": False}
MINE = TREE["encoders"]["rn_untrained"] | {"label": "Mine"}
JAX = {"backbones/jax": EXTERNAL, "weights/mine": GIVEN}
ACCEPTED = [
    {"array_downloads/mine": DOWNLOAD, "arrays/mine": FAR},
    JAX | {"encoders/mine": MINE | {"backbone": "jax", "head": "trained"}},
    # weights may be there for their probe alone
    {"backbones/dino": TIMM, **DINO, f"{PROBE}/start": "dino", f"{PROBE}/features": "embedding"},
]


@pytest.mark.parametrize("changes", ACCEPTED)
def test_what_is_legal_though_it_looks_incomplete(changed, changes):
    assert check(changed(changes))


@pytest.mark.parametrize("file", [ROOT / "params.yaml", NANO, *(ROOT / "studies").glob("*.yaml")])
def test_our_studies_are_legal(file):
    study = check(file)
    assert study.encoders
    assert study.comparisons or file.stem == "acceptance"  # it compares no layers
