import re
from html.parser import HTMLParser

import pytest

from stages.reporting.page import report_page
from stages.reporting.robustness_tables import published_rows
from stages.reporting.tables import study_tables
from tests.unit.reporting.conftest import LINES, TEMPLATES, model, read

VOID = {"meta", "br", "hr", "img", "link", "input"}
WHY_APART = "Numbers of the two kinds do not compare."


class Nesting(HTMLParser):
    """Raises nothing, but lists every tag that is closed out of turn."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture
def page(study, comparisons, published):
    """Return a function that writes the page of the study as it then is."""
    rows = published_rows([model("a", 60.0, 0.0)], [model("b/openai", 60.0, 9.0)], LINES)

    def write(comparisons=comparisons) -> str:
        encoders = read(study)
        return report_page(
            title="a <miniature>",
            description="First & foremost.\n\nSecond.",
            encoders=encoders,
            published=published,
            tables=study_tables(encoders, comparisons) | {"published": rows},
            templates=TEMPLATES,
        )

    return write


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the charts empty, which take most of a page's time."""
    monkeypatch.setattr("stages.reporting.page.chart_svg", lambda *_: "<svg></svg>")


def table(page: str, caption: str) -> str:
    return page[page.index(f"<caption>{caption}</caption>") :].partition("</table>")[0]


def cells(table: str, row: str) -> list[str]:
    """Return the cells of a row of a table by the row's heading."""
    line = next(line for line in table.split("<tr>") if f">{row}</th>" in line)
    return re.findall(r"<td[^>]*>(.*?)</td>", line)


def test_the_page_is_whole_needs_nothing_from_outside_and_is_the_same_twice(page):
    text = page()
    nesting = Nesting(text)
    assert (nesting.open, nesting.wrong) == ([], [])
    assert "<script" not in text and not re.search(r"(src|@import)\b[^>]*https?:", text)
    assert "<link" not in text and "max-width: 74rem" in text
    assert text.count("<svg ") == 10 and text == page()
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))


def test_concepts_of_two_kinds_of_representation_are_drawn_apart(page, study):
    study["series"]["rn_supervised"]["representation"] = "rectified"
    text = page()
    drawn = text[text.index('<figure id="concepts">') :].partition("</figure>")[0]
    assert drawn.count("<svg ") == 2 and "<h4>rectified representations</h4>" in drawn
    linear, _, rectified = drawn.partition("<h4>rectified")
    assert ">RN supervised<" in rectified and ">RN supervised<" not in linear
    assert WHY_APART in rectified
    assert Nesting(text).wrong == []


@pytest.mark.usefixtures("undrawn")
def test_the_text_is_escaped(page, study):
    study["entries"]["rn_supervised"]["label"] = "<b>&'"
    text = page()
    assert "a &lt;miniature&gt;" in text and "<p>First &amp; foremost.</p>\n<p>Second.</p>" in text
    assert "<b>" not in text and text.count('<th scope="row">&lt;b&gt;&amp;&#39;</th>') == 3
    assert "supervised" in text and "&amp;lt;" not in text


@pytest.mark.usefixtures("undrawn")
def test_what_the_page_says_follows_the_numbers(page, study):
    claim = "80 % of a zero-shot encoder&#39;s least important"
    says = rf'class="verdict ([a-z-]+)">[^<]+</span>\s*<p>{claim}'
    before = re.findall(says, page())
    for metrics in study["metrics"].values():
        metrics["directions"]["prunable"] = 0.9
    assert (before, re.findall(says, page())) == (["not-shown"], ["shown"])


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_of_how_many_concepts_the_encoded_ones_are(page, study):
    assert "of the 40 that some of the images show" in " ".join(page().split())
    study["metrics"]["rn_supervised"]["concepts"]["measured"] = 1197
    assert "of the 40 or 1197 that some" in " ".join(page().split())


@pytest.mark.usefixtures("undrawn")
def test_a_chart_without_rows_is_left_out(page, study):
    assert 'id="training_loss"' in page()
    for series in study["series"].values():
        series["training_curve"] = []
    text = page(comparisons=[])
    assert 'id="training_loss"' not in text and 'id="cka"' not in text


@pytest.mark.usefixtures("undrawn")
def test_accuracies_and_robustness_equal_the_results(page, study):
    metrics = study["metrics"]["vit_supervised"]
    robustness = metrics["effective_robustness"]
    found = cells(table(page(), "Accuracy and effective robustness"), "ViT supervised")
    assert found[1:7] == [f"{a:.1f}" for a in metrics["accuracy"].values()]
    assert found[7].startswith(f"{robustness['mean']:.1f}".replace("-", "−"))
    per_shift = cells(table(page(), "Effective robustness per shift"), "ViT supervised")
    values = [float(cell.replace("−", "-")) for cell in per_shift[1:]]
    assert values == [round(robustness[k], 1) for k in (*list(robustness)[:5], "mean")]


@pytest.mark.usefixtures("undrawn")
def test_the_measures_of_the_representation_equal_the_results_and_none_is_a_dash(page, study):
    study["metrics"]["vit_supervised"]["concepts"]["unique_directions"] = None
    spaces = table(page(), "The representation spaces")
    found = cells(spaces, "RN supervised")
    assert found[1:3] == ["2.60 [2.58, 2.62]", "0"]
    assert found[4:] == ["1.40", "19", "1.20", "20 %", "3.1"]
    assert cells(spaces, "ViT supervised")[3:5] == ["–", "1.40"]


@pytest.mark.usefixtures("undrawn")
def test_each_kind_of_representation_has_a_table_of_its_own(page, study):
    assert WHY_APART not in page()
    study["series"]["rn_supervised"]["representation"] = "rectified"
    text = page()
    assert WHY_APART in text
    linear, rectified = (
        table(text, f"The representation spaces: {kind} representations")
        for kind in ("linear", "rectified")
    )
    assert ">RN supervised<" in rectified and ">RN supervised<" not in linear
    assert rectified.count('<th scope="row">') == 1
    assert linear.count('<th scope="row">') == len(study["entries"]) - 1


@pytest.mark.usefixtures("undrawn")
def test_ours_stand_beneath_the_papers_figures(page):
    paper = table(page(), "Unique Broden concepts of directions")
    assert cells(paper, "RN50") == ["507", "311", "418", "paper, first version"]
    assert cells(paper, "ViT zero-shot, web-broad")[-1] == "this study"


@pytest.mark.usefixtures("undrawn")
def test_a_count_of_another_kind_of_representation_is_marked_in_its_family(page, study):
    assert "†" not in page()
    study["series"]["rn_supervised"]["representation"] = "rectified"
    text = page()
    found = cells(table(text, "Unique Broden concepts of directions"), "RN zero-shot, web-broad")
    assert [cell[-1] == "†" for cell in found[:3]] == [False, False, True]
    assert '<p class="soft">†' in text


@pytest.mark.usefixtures("undrawn")
def test_a_shift_that_the_study_does_without_is_a_dash(page, fewer):
    accuracy = table(page(), "Accuracy and effective robustness")
    assert accuracy.count("<td>–</td>") == 2 * len(fewer["entries"])


@pytest.mark.usefixtures("undrawn")
def test_a_study_without_shifts_and_broden_still_has_a_page(page, study):
    for key in study["entries"]:
        for part in ("accuracy", "effective_robustness", "concepts"):
            metrics = study["metrics"][key][part]
            metrics |= {name: None for name in metrics if name != "imagenet"}
        study["metrics"][key]["effective_robustness"]["shifts"] = []
        study["series"][key] |= {"concepts": [], "sweep": []}
    text = page(comparisons=[])
    assert "mean of no shift" in " ".join(text.split()) and 'id="concepts"' not in text
