from math import isnan

import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.formats.published_accuracies import (
    FEWER_CLASSES,
    published_lines,
    standard_models,
)
from interpreting_clip.measures.logit_line import fit_line
from interpreting_clip.published.sources import FOLDER, read_published
from tests.reads import ROOT

NUMBERS = "76.1,63.2,36.2,24.1,,0.0"


def table(tmp_path, *rows: str):
    file = tmp_path / "table.csv"
    parts = map(on_classes, FEWER_CLASSES)
    header = ",".join(["model,training,family,imagenet", *TESTBED_SHIFTS, *parts])
    file.write_text("\n".join([header, *rows, ""]))
    return file


def test_keeps_the_standard_models_alone(tmp_path):
    rows = f"rn50,standard,resnet,{NUMBERS},89.8,88.0,", f"bit,more_data,,{NUMBERS},1,2,3"
    (model,) = standard_models(table(tmp_path, *rows)).to_dict("records")
    assert (model["name"], model["family"]) == ("rn50", "resnet")
    assert (model["imagenet"], model["imagenet_a"]) == (76.1, 0.0) and isnan(model["objectnet"])
    assert model["imagenet_on_r_classes"] == 89.8
    assert model["imagenet_on_v2_classes"] == model["imagenet_on_sketch_classes"] == 76.1


def test_29_of_openclip_s_121_names_lie_outside_the_testbed():
    standard, zoo = standard_models(), read_published(ROOT / FOLDER).of("openclip")
    line = fit_line(*(standard[name].to_numpy() / 100 for name in ("imagenet", "imagenet_v2")))
    assert len(standard) == 87 and standard["family"].nunique() == 18
    assert (line.low, line.high) == pytest.approx((0.56522, 0.84718), abs=1e-3)
    assert sum(line.is_extrapolated(accuracy / 100) for accuracy in zoo["imagenet"]) == 29


def test_the_published_lines():
    lines, resampled = published_lines(dict.fromkeys(TESTBED_SHIFTS, "imagenet"), resamples=3)
    slopes = [round(line.slope, 2) for line in lines.values()]
    assert slopes == [0.92, 0.91, 1.07, 1.20, 3.06]
    # Five models have no ImageNet-R accuracy, and ResNet-50 scores 0 on ImageNet-A.
    assert [line.models for line in lines.values()] == [87, 82, 87, 87, 86]
    assert {one.slope.shape for one in resampled.values()} == {(3,)}
