import csv

import pytest

from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError
from interpreting_clip.formats.published_accuracies import (
    TESTBED,
    TIMM,
    TIMM_SHIFTS,
    Settings,
    standard_models,
    timm_models,
    timm_standard_models,
)
from page.names import format_interval
from stages.published import published_baselines, robustness
from tests.reads import ROOT
from tools.effective_robustness import main

VIT = {"imagenet": 63.32, "imagenet_v2": 55.92, "imagenet_r": 69.33, "imagenet_sketch": 42.29}
VIT |= {"objectnet": 44.31, "imagenet_a": 31.55}


@pytest.fixture
def placed(monkeypatch, capsys):
    """Return a function that runs the tool and returns what it printed on each baseline."""
    monkeypatch.chdir(ROOT)

    def run(model: dict[str, object]) -> list[str]:
        main(*(word for name, value in model.items() for word in (f"--{name}", str(value))))
        first, second = capsys.readouterr().out.split("On the line of ")[1:]
        return [first, second]

    return run


def test_places_a_published_model_where_the_stage_does(placed):
    settings = Params(ROOT / "params.yaml").read("published", Settings)
    standard = standard_models(ROOT / TESTBED), timm_standard_models(timm_models(ROOT / TIMM))
    baselines = published_baselines(settings, *standard)
    testbed, timm = placed(VIT)
    for printed, name, shifts in (
        (testbed, "testbed", TESTBED_SHIFTS),
        (timm, "timm", TIMM_SHIFTS),
    ):
        mean = robustness(VIT, shifts, baselines[name], settings)
        assert format_interval(mean["mean"], mean["low"], mean["high"]) in printed
    assert "ObjectNet" in testbed and "ObjectNet" not in timm
    assert "87 models, 56.5 to 84.7 %" in testbed and "‡" not in testbed + timm


def test_marks_what_is_extrapolated(placed):
    testbed, timm = placed({"imagenet": 86.0, "imagenet_v2": 77.0})
    assert testbed.count("‡") == 3 and "86.0 %" in testbed
    assert "‡" not in timm


def test_a_shift_that_timm_lacks_has_no_line_there(placed):
    testbed, timm = placed({"imagenet": 70, "objectnet": 40})
    assert "mean of 1" in testbed and "none of these shifts" in timm


def test_a_standard_model_of_the_testbed_lies_near_its_line(placed):
    with (ROOT / TESTBED).open() as stream:
        rows = {row["model"]: row for row in csv.DictReader(stream)}
    model = {name: float(rows["resnet50"][name]) for name in ("imagenet", "imagenet_v2")}
    line = next(row for row in placed(model)[0].splitlines() if row.startswith("ImageNet-V2"))
    assert abs(float(line.split()[2].replace("−", "-"))) < 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--imagenet", "0.762", "--imagenet_v2", "70.1"], "--imagenet 0.762: .*76.2"),
        (["--imagenet", "76.2", "--imagenet_v2", "0.701"], "--imagenet_v2 0.701: .*70.1"),
        (["--imagenet", "762", "--imagenet_v2", "70.1"], "--imagenet 762.0: .*0 to 100"),
        (["--imagenet", "nan", "--imagenet_v2", "70.1"], "--imagenet nan: .*0 to 100"),
        (["--imagenet", "76.2", "--imagenet_c", "70.1"], "--imagenet_c 70.1: .*--objectnet"),
        (["--imagenet", "76.2"], "at least one of --imagenet_v2"),
        (["--imagenet_v2", "70.1"], "--imagenet: missing"),
    ],
)
def test_refuses_what_is_no_accuracy_in_percent(words, problem):
    with pytest.raises(InputError, match=problem):
        main(*words)


def test_less_than_one_percent_on_imagenet_a_is_an_accuracy(placed):
    assert "0.2" in placed({"imagenet": 76.2, "imagenet_a": 0.2})[0]


def test_every_shift_is_an_option():
    with pytest.raises(SystemExit):
        main("--imagenet", "76.2", *(f"--{shift}=word" for shift in TESTBED_SHIFTS))
