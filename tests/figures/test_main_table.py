"""The tables of the report."""

import re

from stages.figures.inputs import read_encoders
from stages.figures.main_table import (
    accuracy_table,
    paper_table,
    representation_table,
    robustness_table,
)


def cells(html: str, row: str) -> list[str]:
    line = next(line for line in html.splitlines() if f">{row}</th>" in line)
    return re.findall(r"<td[^>]*>(.*?)</td>", line)


def test_accuracies_equal_the_results(study, encoders):
    metrics = study["metrics"]["vit_supervised"]
    robustness = metrics["effective_robustness"]
    found = cells(accuracy_table(encoders), "ViT supervised")
    assert found[1:7] == [f"{a:.1f}" for a in metrics["accuracy"].values()]
    assert found[7].startswith(f"{robustness['mean']:.1f}".replace("-", "−"))


def test_the_measures_of_the_representation_equal_the_results(encoders):
    found = cells(representation_table(encoders), "RN supervised")
    assert found[1:3] == ["2.60 [2.58, 2.62]", "0"]
    assert found[4:] == ["1.40", "19", "1.20", "20 %", "3.1"]


def test_robustness_per_shift_equals_the_results(study, encoders):
    expected = study["metrics"]["rn_web_broad"]["effective_robustness"]
    found = cells(robustness_table(encoders), "RN zero-shot, web-broad")
    values = [float(cell.replace("−", "-")) for cell in found[1:]]
    assert values == [round(expected[k], 1) for k in (*list(expected)[:5], "mean")]


def test_a_rectified_kurtosis_is_marked_and_missing_numbers_are_dashes(study):
    study["series"]["rn_supervised"]["representation"] = "rectified"
    study["metrics"]["rn_supervised"]["directions"]["prunable"] = None
    html = representation_table(read_encoders(study["keys"], study["metrics"], study["series"]))
    found = cells(html, "RN supervised")
    assert found[1].endswith("†") and found[-2] == "–" and html.count("†") == 1


def test_ours_stand_beneath_the_paper_s_figures(encoders):
    html = paper_table(encoders)
    assert cells(html, "RN50") == ["507", "311", "418", "paper, first version"]
    assert cells(html, "ViT zero-shot, web-broad")[-1] == "this study"


def test_labels_are_escaped(study):
    study["series"]["rn_supervised"]["label"] = "<b>&"
    encoders = read_encoders(study["keys"], study["metrics"], study["series"])
    assert "&lt;b&gt;&amp;</th>" in accuracy_table(encoders)
