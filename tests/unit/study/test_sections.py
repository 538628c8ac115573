import re

import pytest

UNTRAINED = {"source": "untrained", "backbone": "rn", "seed": 0}
FILE = {"source": "checkpoint", "backbone": "rn", "sha256": "0" * 64}
VIT = {"kind": "vit", "patch": 16, "layers": 2, "width": 16, "head_width": 8}
TRAIN, REFERENCE = "recipes/pretraining", "datasets/imagenet_a/reference"

BROKEN = [
    ("kurtoses", {}, "'kurtoses'.*kurtosis"),
    ("kurtosis", ..., "'kurtosis'"),
    ("concepts/sweep", [0.5, -1], r"'concepts.sweep\[1\]': .*-1"),
    (f"{TRAIN}/schedule", {"kind": "step"}, "schedule.kind': .*cosine, drops"),
    ("heads/zero_shot/templates", ["a"], r"templates\[0\]': .*`{}`"),
    ("backbones/rn/vision", VIT | {"stem": "convolutions", "width": 24}, "`vision.patch`.*24"),
    ("datasets/imagenet_val", {"kind": "imagenet", "source": "hub"}, "`source: hub`"),
    ("weights/rn_untrained", FILE | {"file": "a", "url": "http://h"}, "`file` and `url`"),
    ("weights/a.b", UNTRAINED, "'weights': .*'a.b'"),
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


def test_a_check_of_several_keys_is_not_blamed_on_the_kind(complaint):
    said = complaint({"datasets/broden/scale": [0.9, 0.6]})
    assert "`scale`" in said and "`kind`" not in said


@pytest.mark.parametrize("url", ["https://me:canary@host/a.tar", "https://host/a?key=canary"])
def test_a_secret_in_a_url_is_refused_and_not_repeated(complaint, url):
    archive = {"source": "archive", "archive": [{"url": url, "sha256": "0" * 64}]}
    checkpoint = {"weights/mine": FILE | {"url": url}}
    for changes in ({"datasets/broden": {"kind": "broden", **archive}}, checkpoint):
        said = complaint(changes)
        assert re.match("params.yaml: '(weights.mine|datasets.broden.archive)", said)
        assert "`mirror`" in said and "canary" not in said and "\n" not in said
