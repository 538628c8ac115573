import re
from functools import partial
from html.parser import HTMLParser

import msgspec
import pytest

from interpreting_clip.measures.intervals import Estimate
from page.charts import CHARTS
from page.names import format_estimate, format_number
from page.provenance import GivenFolder, Provenance
from tests.unit.page.conftest import study_page
from tests.unit.page.made_results import SHIFTS

VOID = {"meta", "br", "hr", "img", "link", "input"}
WHY_APART = "Numbers of the two kinds do not compare."


class Nesting(HTMLParser):
    """Lists every tag with its attributes, and those closed out of order, without raising."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[tuple[str, list[str]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, [name for name, _ in attrs]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture
def page(study, comparisons):
    """Return a function that writes the page of the study in its current state."""
    return partial(study_page, study, comparisons)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the charts empty: drawing them takes most of a page's time."""
    monkeypatch.setattr("page.panels.draw_svg", lambda *_: "<svg></svg>")


def table(page: str, caption: str) -> str:
    return page[page.index(f"<caption>{caption}</caption>") :].partition("</table>")[0]


def dashes(page: str) -> int:
    both = table(page, "Accuracy") + table(page, "Effective robustness")
    return both.count("<td>–")


def cells(table: str, row: str) -> list[str]:
    """Return the cells of a row of a table by the row's heading."""
    line = next(line for line in table.split("<tr>") if f">{row}</th>" in line)
    return re.findall(r"<td[^>]*>(.*?)</td>", line)


def test_the_page_is_whole_needs_nothing_from_outside_and_is_the_same_twice(page):
    text = page()
    nesting = Nesting(text)
    assert (nesting.open, nesting.wrong) == ([], [])
    assert not re.search(r"<script[^>]*src|@import|<link|<iframe|<img", text)
    assert not re.search(r"\b(?:src|href)=[\"'](?:https?:)?//(?!arxiv\.org/)", text)
    assert "max-width: 76rem" in text and text.count("<svg role") > 11 and text == page()
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))
    charts = re.findall(r'<div class="chart [^"]*" id="chart-([^"]+)"', text)
    spec = r'<script type="application/json" id="spec-([^"]+)">(.*?)</script>'
    specs = dict(re.findall(spec, text))
    assert charts == list(specs) and {c.name for c in CHARTS} <= set(charts)
    panels = [one for spec in specs.values() for one in msgspec.json.decode(spec)["panels"]]
    assert len(panels) == text.count('<div class="panel">') and all(p["values"] for p in panels)


@pytest.mark.usefixtures("undrawn")
def test_the_text_is_escaped(page, study):
    study["entries"]["rn_supervised"]["label"] = "<b>&'"
    text = page()
    assert "a &lt;miniature&gt;" in text and "<p>First &amp; foremost.</p>\n<p>Second.</p>" in text
    assert "<b>" not in text and text.count("</span>&lt;b&gt;&amp;&#39;</th>") == 11
    assert "supervised" in text and "&amp;lt;" not in text


@pytest.mark.usefixtures("undrawn")
def test_controls_are_folded_by_instrument_and_one_that_fails_is_open(page, study):
    text = page()
    assert text.count('<details class="control">') == 7 and "✗" not in text
    study["controls"]["cka"]["controls"][0] |= {"found": -0.5, "as_planted": False}
    text = page()
    assert "<td>−0.5000</td>" in table(text, "CKA: planted and found")
    assert text.count("✗ no") == 1 and text.count('<details class="control" open>') == 1


@pytest.mark.usefixtures("undrawn")
def test_accuracies_and_robustness_equal_the_results(page, study):
    robustness = study["results"]["vit_supervised"]["robustness"]
    shifts = [robustness["per_shift"][shift] for shift in SHIFTS]
    text = page()
    found = cells(table(text, "Accuracy"), "ViT supervised")
    accuracies = [one["accuracy"]["value"] for one in shifts]
    expected = (robustness["imagenet"], *accuracies, robustness["shift_accuracy"])
    assert found == [format_number(accuracy) for accuracy in expected]
    found = cells(table(text, "Effective robustness"), "ViT supervised")
    means = [Estimate(**robustness[kind]) for kind in ("robustness", "natural", "style")]
    assert found[:3] == [format_estimate(mean) for mean in means]
    assert found[3:] == [format_number(one["robustness"]["value"]) for one in shifts]


@pytest.mark.usefixtures("undrawn")
def test_the_measures_of_the_representation_equal_the_results_and_none_is_a_dash(page, study):
    study["results"]["vit_supervised"]["concepts"] = None
    text = page()
    kurtosis = table(text, "Kurtosis and outlier features")
    null = ["2.85 ± 0.34", "0.71"]  # 14 of its 20 are 2.6 or more
    assert cells(kurtosis, "RN supervised")[:5] == ["2.60 [2.58, 2.62]", *null, "1.3", "0"]
    concepts = table(text, "Unique concepts of directions")
    found = cells(concepts, "RN supervised")
    assert (found[0], found[-1]) == ("16 [15, 17]", "1.40 [1.30, 1.50]")
    # Beside both nulls, against all images with both, and at the false discovery rate.
    assert found[1:5] == ["0.2 [0.0, 1.0]", "8.0 [4.0, 15.0]", "5 (by chance 0.0, 0.5)", "33"]
    features = cells(table(text, "Unique concepts of features"), "RN supervised")
    assert (features[0], features[-1]) == ("19 [18, 20]", "1.40 [1.30, 1.50]")
    assert cells(concepts, "ViT supervised") == ["–"] * 6
    directions = table(text, "Privileged directions")
    link = '<a href="directions/rn_supervised/index.html"><code>rn_supervised</code></a>'
    shares = ["20 %", "30 %", "20 %", "12 % [0 %, 20 %]"]
    assert cells(directions, "RN supervised") == ["12", *shares, link]
    both = table(text, "Directions with and without the mean of the class vectors")
    both = cells(both, "RN supervised")
    assert both[:2] == ["60.4", "0.999"]
    assert [both[2:7], both[7:]] == [
        [count, "6.5", ratio, "31.0", "30 %"] for count, ratio in (("12", "3.1"), ("13", "41.5"))
    ]
    pruned = table(text, "Mean effective robustness (points) by the share of directions pruned")
    assert cells(pruned, "RN supervised")[::9] == ["9.0", "−9.0‡"]


@pytest.mark.usefixtures("undrawn")
def test_each_kind_of_representation_has_a_table_of_its_own(page, study):
    assert WHY_APART not in page()
    study["results"]["rn_supervised"]["kurtosis"]["representation"] = "rectified"
    text = page()
    assert WHY_APART in text
    linear, rectified = (
        table(text, f"Kurtosis and outlier features: {kind} representations")
        for kind in ("linear", "rectified")
    )
    assert "RN supervised<" in rectified and "RN supervised<" not in linear
    assert rectified.count('<th scope="row">') == 1
    assert linear.count('<th scope="row">') == len(study["entries"]) - 1
    assert "Unique concepts of features: rectified representations</caption>" in text


@pytest.mark.usefixtures("undrawn")
def test_extrapolated_numbers_are_marked_in_both_tables_and_the_mark_is_explained(page, study):
    for results in study["results"].values():
        results["robustness"]["extrapolated"] = 0
        for one in results["robustness"]["per_shift"].values():
            one["extrapolated"] = False
    assert "they span" not in page()
    robustness = study["results"]["rn_web_broad"]["robustness"]
    robustness["extrapolated"] = 1
    robustness["per_shift"]["objectnet"]["extrapolated"] = True
    text = page()
    both = table(text, "Effective robustness")
    found = cells(both, "RN zero-shot, web-broad")
    assert [i for i, cell in enumerate(found) if cell.endswith("‡")] == [0, 1, 6]
    assert "‡" not in "".join(cells(both, "RN supervised"))
    assert "they span" in text


@pytest.mark.usefixtures("undrawn")
def test_a_shift_that_the_study_does_without_is_a_dash(page, fewer):
    assert dashes(page()) == 4 * len(fewer["entries"])


@pytest.mark.usefixtures("undrawn")
def test_what_a_folder_of_activations_lacks_is_said_and_is_a_dash(page, study):
    whole = dashes(page())
    results = study["results"]["rn_web_broad"]  # the first encoder's
    robustness, results["concepts"] = results["robustness"], None
    del robustness["per_shift"]["objectnet"]
    robustness |= {"not_given": ["objectnet"], "robustness": None, "shift_accuracy": None}
    given = GivenFolder(folder="runs/<mine>", sha256="ab" * 32)
    text = page(provenance=Provenance(given={"rn_web_broad": given}))
    assert "No means of RN zero-shot, web-broad" in text
    assert "No concepts of RN zero-shot, web-broad" in text
    assert "runs/&lt;mine&gt;" in text
    assert dashes(text) == whole + 4


@pytest.mark.usefixtures("undrawn")
def test_a_study_without_shifts_and_broden_still_has_a_page(study):
    for results in study["results"].values():
        means = dict.fromkeys(("shift_accuracy", "robustness", "natural", "style"))
        results["robustness"] |= {"per_shift": {}, **means}
        results["concepts"] = None
    text = study_page(study)
    assert 'id="figure-concepts"' not in text
