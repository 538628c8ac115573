"""The page that DVC fills, with the charts' script of this repository."""

import json
import re
from html.parser import HTMLParser

import pytest
from dvc.config import Config
from dvc_render.html import HTML
from dvc_render.vega import VegaRenderer

from page.plot_templates import FOLDER
from tests.reads import ROOT

LABEL = "</script><!--<script><img onerror=alert(1)></plaintext>\u2028'); var spec = 1;"
ROWS = [{"rev": "</script>", "label": LABEL, "fraction": 0.1, "accuracy": 3.0}]


class Tags(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.names: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)


@pytest.fixture
def template() -> str:
    return (ROOT / ".dvc" / Config(str(ROOT / ".dvc"))["plots"]["html_template"]).read_text()


@pytest.fixture
def plot() -> VegaRenderer:
    names = {"x": "fraction", "y": "accuracy", "x_label": "x", "y_label": "y", "title": "t"}
    folder = str(ROOT / FOLDER)
    return VegaRenderer(ROWS, "a plot", template="pruning", template_dir=folder, **names)


def test_what_dvc_fills_in_is_text_without_tags(template, plot):
    filled_by_dvc = HTML(template).with_scripts("<script src=cdn>")
    page = filled_by_dvc.with_element(plot.generate_html()).embed()
    assert "src=cdn" not in page and (ROOT / "plots/vega.js").is_file()
    before, mark, filled = page.partition("<plaintext hidden>")
    assert mark and LABEL[:9] in filled and "</plaintext>" in filled
    ours = ["html", "head", "meta", "title", "script", "style", "script", "body"]
    assert Tags(before).names == ours
    assert before.count("<script") == before.count("</script>") == 2


def test_our_script_finds_the_plots_of_dvc(template, plot):
    pattern = re.search(r"const plots = /(.*)/g;", template)
    assert pattern
    filled = "\n".join([plot.generate_html()] * 2)
    found = re.findall(pattern[1], filled)
    assert [(json.loads(spec), name) for spec, name in found] == [
        (plot.get_filled_template(), "a_plot")
    ] * 2
