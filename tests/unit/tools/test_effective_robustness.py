import re

import numpy as np
import pytest

from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError
from interpreting_clip.formats.published_accuracies import Settings
from interpreting_clip.published.line_choices import CHOICES, fit_choice, robustness
from interpreting_clip.published.models import standard_models_by_source
from interpreting_clip.published.sources import read_published
from page.names import format_interval
from tests.reads import ROOT
from tools.effective_robustness import main

VIT = {"imagenet": 63.32, "imagenet_v2": 55.92, "imagenet_r": 69.33, "imagenet_sketch": 42.29}
VIT |= {"objectnet": 44.31, "imagenet_a": 31.55}


@pytest.fixture
def placed(monkeypatch, capsys):
    """Return a function that runs the tool and returns what it printed."""
    monkeypatch.chdir(ROOT)

    def run(model: dict[str, object]) -> str:
        main(*(word for name, value in model.items() for word in (f"--{name}", str(value))))
        return capsys.readouterr().out

    return run


def test_places_a_model_where_the_stage_does(placed):
    settings = Params(ROOT / "params.yaml").read("published", Settings)
    standard = standard_models_by_source(read_published())
    printed = placed(VIT)
    for key, shifts in (("default", TESTBED_SHIFTS), ("timm", CHOICES["timm"].shifts)):
        choice = CHOICES[key]
        found = robustness(choice, fit_choice(choice, standard[choice.standard], settings), [VIT])
        value, draws = found.mean(shifts)
        interval = format_interval(value[0], *np.quantile(draws[:, 0], [0.025, 0.975]))
        (line,) = [row for row in printed.splitlines() if row.startswith(choice.label)]
        assert interval in line and re.search(rf" {len(shifts)} ", line)
    assert "87 models, 56.5 to 84.7 %" in printed and "‡" not in printed
    assert CHOICES["with_real"].label not in printed


def test_marks_what_is_extrapolated(placed):
    printed = placed({"imagenet": 86.0, "imagenet_v2": 77.0})
    marked = [row for row in printed.splitlines() if "‡" in row]
    assert any(row.startswith("ImageNet-V2") for row in marked)
    assert not any(row.startswith(CHOICES["timm"].label) for row in marked)


def test_a_shift_that_timm_lacks_has_no_line_there(placed):
    printed = placed({"imagenet": 70, "objectnet": 40})
    assert CHOICES["probit"].label in printed and CHOICES["timm"].label not in printed


def test_accuracies_on_the_shift_s_classes_and_with_real_labels_count(placed):
    more = {"imagenet_on_r_classes": 90.0, "imagenet_on_a_classes": 91.0, "imagenet_real": 80.0}
    printed = placed(VIT | more)
    assert CHOICES["with_real"].label in printed
    (line,) = [r for r in printed.splitlines() if r.startswith(CHOICES["shift_classes"].label)]
    assert " 4 " in line


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
    assert re.search(r"ImageNet-A +0\.2 ", placed({"imagenet": 76.2, "imagenet_a": 0.2}))


def test_every_shift_is_an_option():
    with pytest.raises(SystemExit):
        main("--imagenet", "76.2", *(f"--{shift}=word" for shift in TESTBED_SHIFTS))
