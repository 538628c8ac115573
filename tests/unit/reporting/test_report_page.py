"""The report as a page."""

import re
from html.parser import HTMLParser

import pytest

from stages.reporting.page import effective_robustness_svg, report_page
from stages.reporting.published_table import published_rows
from stages.reporting.results import read_encoders

VOID = {"meta", "br", "hr", "img", "link", "input"}


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
def arguments(encoders, comparisons, published, templates, model, lines):  # noqa: PLR0917
    rows = published_rows([model("a", 60.0, 0.0)], [model("b/openai", 60.0, 9.0)], lines)
    return {
        "title": "a <miniature>",
        "description": "First & foremost.\n\nSecond.",
        "encoders": encoders,
        "comparisons": comparisons,
        "published": published,
        "published_rows": rows,
        "templates": templates,
    }


def test_the_page_is_whole_needs_nothing_from_outside_and_is_the_same_twice(arguments):
    page = report_page(**arguments)
    nesting = Nesting(page)
    assert (nesting.open, nesting.wrong) == ([], [])
    assert "<script" not in page and not re.search(r"(src|@import)\b[^>]*https?:", page)
    assert page.count("<svg ") == 10 and page == report_page(**arguments)


def test_concepts_of_two_kinds_of_representation_are_drawn_apart(arguments, study):
    assert "concepts_rectified" not in report_page(**arguments)
    study["series"]["rn_supervised"]["representation"] = "rectified"
    changed = read_encoders(study["keys"], study["metrics"], study["series"])
    page = report_page(**arguments | {"encoders": changed})
    drawn = page[page.index('<figure id="concepts">') :].partition("</figure>")[0]
    assert drawn.count("<svg ") == 2 and "<h4>rectified representations</h4>" in drawn
    linear, _, rectified = drawn.partition("<h4>rectified")
    assert ">RN supervised<" in rectified and ">RN supervised<" not in linear
    assert Nesting(page).wrong == []


def test_the_text_is_escaped_and_identifiers_are_unique(arguments):
    page = report_page(**arguments)
    assert "a &lt;miniature&gt;" in page and "<p>First &amp; foremost.</p>\n<p>Second.</p>" in page
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_what_the_page_says_follows_the_numbers(arguments, study):
    claim = "80 % of a zero-shot encoder's least important"
    says = r'class="verdict ([a-z-]+)">[^<]+</span><p>' + claim.replace("'", "&#x27;")
    before = re.findall(says, report_page(**arguments))
    for metrics in study["metrics"].values():
        metrics["directions"]["prunable"] = 0.9
    changed = read_encoders(study["keys"], study["metrics"], study["series"])
    after = re.findall(says, report_page(**arguments | {"encoders": changed}))
    assert (before, after) == (["not-shown"], ["shown"])


def test_the_page_says_of_how_many_concepts_the_encoded_ones_are(arguments):
    assert "of the 40 that some of the images show" in report_page(**arguments)


def test_a_chart_without_rows_is_left_out(arguments, study):
    for series in study["series"].values():
        series["training_curve"] = []
    changed = read_encoders(study["keys"], study["metrics"], study["series"])
    page = report_page(**arguments | {"encoders": changed, "comparisons": []})
    assert 'id="training_loss"' not in page and 'id="cka"' not in page


def test_the_figure_of_the_readme_is_one_compact_svg(encoders, templates):
    svg = effective_robustness_svg(encoders, templates)
    width = re.search(r'viewBox="0 0 (\d+)', svg)
    assert width and int(width[1]) < 860 and svg.startswith("<svg ") and svg.endswith("</svg>\n")
