import re

import pytest

UNTRAINED = {"source": "untrained", "backbone": "rn", "seed": 0}
FILE = {"source": "checkpoint", "backbone": "rn", "sha256": "0" * 64}
DROPS = {"kind": "drops", "epochs": [1], "factor": 0.1}
VIT = {"kind": "vit", "patch": 16, "layers": 2, "width": 16, "head_width": 8}
TRAIN, REFERENCE = "recipes/pretraining", "datasets/imagenet_a/reference"

BROKEN = [
    ("kurtoses", {}, "there is no section 'kurtoses'; legal values, among others: kurtosis"),
    ("kurtosis", ..., "the section 'kurtosis' is missing; a study has study, "),
    ("supervise", None, "'supervise': Expected `object`, got `null`"),
    (f"{REFERENCE}/train/size", 1, "'datasets.imagenet_a.reference.train': .*`size`.*keys: images"),
    (f"{REFERENCE}/width", ..., "imagenet_a.reference': .*missing .*`width`.*keys: train"),
    ("precision/inference", "half", "'precision.inference': .*values: bfloat16, float16, float32"),
    ("kurtosis/seed", "0", "'kurtosis.seed': .*got '0'.*a whole number ≥ 0"),
    ("concepts/threshold", 1.5, "'concepts.threshold': .*got 1.5.*> 0.0, ≤ 1.0"),
    ("concepts/sweep", [0.5, -1], r"'concepts.sweep\[1\]': .*got -1.*> 0.0, ≤ 1.0"),
    (f"{TRAIN}/learning_rate", "1e-4", "'recipes.pretraining.learning_rate': .*got '1e-4'"),
    (f"{TRAIN}/schedule", {"kind": "step"}, "schedule.kind': .*'step'.*values: cosine, drops"),
    ("encoders/rn_untrained/head", "none", "'encoders.rn_untrained.head': .*values: random, trai"),
    *(
        ("heads/zero_shot/templates", [text], r"zero_shot.templates\[0\]': .*got 'a.*one `{}`")
        for text in ("a", "a {} {}", "a ${}", "a\n{}")
    ),
    ("directions/pruning_steps", 0, "'directions.pruning_steps': .*got 0.*≥ 1, ≤ 1000"),
    ("layers/images", 65, "'layers': `images` must be a multiple of `minibatch`, got 65 and 32"),
    ("kurtosis/outlier_share", 0, "'kurtosis.outlier_share': .*> 0.0, ≤ 1.0"),
    ("kurtosis/sweep", [], "'kurtosis.sweep'"),
    ("kurtosis/resamples", 10**11, "'kurtosis.resamples': .*≤ 100000"),
    ("threads/inference", 10**17, "'threads.inference': .*≤ 1024"),
    ("datasets/broden/scale", [0.6, 1e17], r"'datasets.broden.scale\[1\]': .*≤ 10.0"),
    ("datasets/broden/rotation", 361, "'datasets.broden.rotation': .*≤ 360.0"),
    ("datasets/broden/styles", {"photo": 1e308}, "'datasets.broden.styles.photo': .*≤ 1000000.0"),
    (f"{TRAIN}/schedule", DROPS | {"factor": 2}, "schedule.factor': .*≤ 1"),
    (f"{TRAIN}/epochs", 0, "epochs': .*≥ 1"),
    (f"{TRAIN}/batch_size", 1, "batch_size': .*≥ 2"),
    (f"{TRAIN}/learning_rate", 0.0, "learning_rate': .*> 0.0"),
    (f"{TRAIN}/warmup_steps", -1, "warmup_steps': .*≥ 0"),
    (f"{TRAIN}/betas", [0.9, 1.0], r"betas\[1\]': .*< 1.0"),
    (f"{TRAIN}/pieces", 3, "'recipes.pretraining': .*`pieces`.*divisor"),
    (f"{TRAIN}/pieces", 0, "pieces': .*≥ 1"),
    (f"{TRAIN}/precision", "float16", "precision': .*float16"),
    (f"{TRAIN}/momentum", 0.9, "'recipes.pretraining': .*`momentum`"),
    (f"{TRAIN}/augmentation/smallest_crop", 1e-320, ".*smallest_crop': .*≥ 0.001"),
    ("backbones/rn/std", [1, 1, 1e-9], r"'backbones.rn.std\[2\]': .*≥ 0.001"),
    ("backbones/rn/mean", [0.5, 0.5, 128.0], r"'backbones.rn.mean\[2\]': .*≤ 1.0"),
    ("backbones/rn/image_size", 40, "'backbones.rn': `image_size` must .* of 32, got 40"),
    ("backbones/rn/vision/head_width", 7, "'backbones.rn': `vision.width` times 32 .* of 7, got"),
    (
        "backbones/rn/vision",
        VIT | {"patch": 5},
        "'backbones.rn': `image_size` must .* of 5, got 32",
    ),
    ("backbones/rn/vision", VIT | {"head_width": 7}, "'backbones.rn': `vision.width` must .* of 7"),
    (
        "backbones/rn/vision",
        VIT | {"stem": "convolutions", "width": 24},
        "'backbones.rn': `vision.patch` must be a power of 2 .*, got 16 and 24",
    ),
    ("backbones/rn/text/heads", 3, "'backbones.rn': `text.width` must be a multiple of 3, got 32"),
    ("encoders/rn_untrained/label", "x" * 201, "rn_untrained.label': .*length <= 200.*x…"),
    ("datasets/broden/classes", ["ring", "cat"], r"'datasets.broden.classes\[1\]': .*'cat'.*arrow"),
    ("datasets/broden/classes", [], "'datasets.broden.classes': .*length"),
    ("datasets/broden/classes", ["fish", "fish"], "'datasets.broden': `classes` .* once"),
    ("datasets/broden/kind", "video", "'datasets.broden.kind': .*'video'"),
    ("datasets/broden/source", "moon", "'datasets.broden.source': .*'moon'"),
    (
        "datasets/imagenet_val",
        {"kind": "imagenet", "source": "hub"},
        "`source: hub` needs the key `h",
    ),
    ("datasets/broden/mention", 0.5, "'datasets.broden': .*`mention`"),
    ("datasets/web_broad/mention", ..., "'datasets.web_broad': .*`mention`"),
    ("datasets/broden/styles", {}, "'datasets.broden.styles': .*length"),
    ("datasets/broden/styles", {"photo": 0}, "'datasets.broden.styles.photo': .*≥ 1e-06"),
    ("datasets/broden/styles", {"fresco": 1}, "'datasets.broden.styles': .*'fresco'"),
    ("datasets/web_broad/exclude_preferred", True, "'datasets.web_broad': `preference` must be 0"),
    ("weights/rn_untrained", FILE, "'weights.rn_untrained': .* one of the keys `file` and `url`"),
    ("weights/rn_untrained", FILE | {"file": "a", "url": "http://h"}, "one of the keys `file` and"),
    *(
        (f"weights/{name}", UNTRAINED, rf"'weights': the name '{name}': .*\[a-z0-9_\]\+")
        for name in ("a.b", "A", "x; rm -rf y", "a@b", "")
    ),
]


@pytest.mark.parametrize(("path", "value", "expected"), BROKEN)
def test_names_the_key_and_the_legal_values(complaint, path, value, expected):
    said = complaint({path: value})
    assert re.match(f"params.yaml: .*{expected}", said)
    assert "\n" not in said


def test_names_several_mistakes_at_once(complaint):
    said = complaint({"kurtosis/seed": -1, "weights/A": UNTRAINED, "weights/B": UNTRAINED, "x": 1})
    lines = said.split("\n")
    for line, expected in zip(lines, ["'x'", "'A'", "'B'", "'kurtosis.seed'"], strict=True):
        assert re.match(f" *params.yaml: .*{expected}", line)


def test_every_mistake_of_a_section_is_named(complaint):
    said = complaint({"kurtosis/outlier_sigma": -6.0, "kurtosis/outlier_share": 5})
    assert "'kurtosis.outlier_sigma'" in said and "'kurtosis.outlier_share'" in said


def test_every_mistake_of_an_entry_is_named(complaint):
    said = complaint({"datasets/broden/images": 0, "datasets/broden/preference/colour": 2.0})
    assert "'datasets.broden.images'" in said and "'datasets.broden.preference.colour'" in said


def test_a_check_of_several_keys_is_not_blamed_on_the_kind(complaint):
    said = complaint({"datasets/broden/scale": [0.9, 0.6]})
    assert "`scale` must be" in said and "legal values of `kind`" not in said


@pytest.mark.parametrize("url", ["https://me:canary@host/a.tar", "https://host/a?key=canary"])
def test_a_secret_in_a_url_is_refused_and_not_repeated(complaint, url):
    archive = {"source": "archive", "archive": [{"url": url, "sha256": "0" * 64}]}
    checkpoint = {"weights/mine": FILE | {"url": url}}
    for changes in ({"datasets/broden": {"kind": "broden", **archive}}, checkpoint):
        said = complaint(changes)
        assert re.match(r"params.yaml: 'weights.mine'|params.yaml: 'datasets.broden.archive", said)
        assert "`url` may grant access" in said and "this machine's `mirror`" in said
        assert "canary" not in said and "\n" not in said
