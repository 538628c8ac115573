"""The tables of the report."""

import re

from stages.reporting.main_table import (
    accuracy_table,
    paper_table,
    representation_table,
    robustness_table,
)
from stages.reporting.representations import WHY_APART
from stages.reporting.results import read_encoders


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


def test_missing_numbers_are_dashes(study):
    study["metrics"]["rn_supervised"]["directions"]["prunable"] = None
    html = representation_table(read_encoders(study["keys"], study["metrics"], study["series"]))
    assert cells(html, "RN supervised")[-2] == "–"


def test_each_kind_of_representation_has_a_table_of_its_own(study, encoders):
    assert representation_table(encoders).count("<table>") == 1
    assert WHY_APART not in representation_table(encoders)
    study["series"]["rn_supervised"]["representation"] = "rectified"
    html = representation_table(read_encoders(study["keys"], study["metrics"], study["series"]))
    why, linear, rectified = re.split(r"(?=<div class)", html)
    assert WHY_APART in why
    assert ">RN supervised<" in rectified and ">RN supervised<" not in linear
    assert rectified.count("<tr><td") == 1 and linear.count("<tr><td") == len(encoders) - 1


def test_a_count_of_another_kind_of_representation_is_marked_in_its_family(study, encoders):
    assert "†" not in paper_table(encoders)
    study["series"]["rn_supervised"]["representation"] = "rectified"
    html = paper_table(read_encoders(study["keys"], study["metrics"], study["series"]))
    found = cells(html, "RN zero-shot, web-broad")
    assert [cell[-1] == "†" for cell in found[:3]] == [False, False, True] and WHY_APART in html


def test_ours_stand_beneath_the_paper_s_figures(encoders):
    html = paper_table(encoders)
    assert cells(html, "RN50") == ["507", "311", "418", "paper, first version"]
    assert cells(html, "ViT zero-shot, web-broad")[-1] == "this study"


def test_labels_are_escaped(study):
    study["series"]["rn_supervised"]["label"] = "<b>&"
    encoders = read_encoders(study["keys"], study["metrics"], study["series"])
    assert "&lt;b&gt;&amp;</th>" in accuracy_table(encoders)
