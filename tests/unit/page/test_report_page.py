import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest
import yaml

from interpreting_clip.config.datasets import DatasetEntry, ImageNetSketch
from page.across_encoders import Correlation
from page.charts import CHARTS
from page.names import TESTBED_SHIFTS, format_interval
from page.provenance import GivenFolder, Provenance
from page.report_page import report_page
from page.results import Controls, LayerComparison
from page.study_tables import planted_rows, study_tables
from tests.pipeline.workspace import NANO
from tests.unit.page.conftest import (
    SHIFTS,
    read,
    read_baseline,
)

VOID = {"meta", "br", "hr", "img", "link", "input"}
SECTIONS = [
    *("shows", "study", "seeds", "robustness", "outliers", "directions", "which", "further"),
    *("layers", "across", "paper", "validated", "provenance", "training"),
]
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

    def write(comparisons=comparisons, **more) -> str:
        encoders, baseline = read(study), read_baseline(study)
        return report_page(
            title="a <miniature>",
            description="First & foremost.\n\nSecond.",
            encoders=encoders,
            comparisons=comparisons,
            baseline=baseline,
            controls=(controls := msgspec.convert(study["controls"], Controls)),
            tables=study_tables(encoders, comparisons, baseline)
            | {"planted_outliers": planted_rows(controls)},
            **{"provenance": Provenance(), **more},
        )

    return write


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the charts empty: drawing them takes most of a page's time."""
    monkeypatch.setattr("page.panels.draw_svg", lambda *_: "<svg></svg>")


@pytest.fixture
def few_drawn(monkeypatch):
    """Draw only the charts with labels as text, on axes and along lines, and drawn by kind."""
    few = ("kurtosis", "pruning", "concepts")
    monkeypatch.setattr("page.report_page.CHARTS", [c for c in CHARTS if c.name in few])


def table(page: str, caption: str) -> str:
    return page[page.index(f"<caption>{caption}</caption>") :].partition("</table>")[0]


def both_tables(page: str) -> str:
    return table(page, "Accuracy") + table(page, "Effective robustness")


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
def test_sections_stand_in_order_and_links_within_the_page_lead_somewhere(page):
    text = page()
    assert re.findall(r'<section id="([^"]+)"', text) == SECTIONS
    found = set(re.findall(r'\bid="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= found
    assert all(f'href="#{section}"' in text for section in SECTIONS)


@pytest.mark.usefixtures("undrawn")
def test_the_page_opens_with_a_chart_of_each_claim(page, study):
    text = page()
    shows = text[text.index('<section id="shows">') :].partition("</section>")[0]
    assert "Of 6 claims:" in shows
    charts = re.findall('<li id="claim-([^"]+)">(.*?)(?=<li id="claim-|\\Z)', shows, re.DOTALL)
    drawn = {key for key, claim in charts if '<div class="dots"' in claim}
    assert {key for key, _ in charts} - drawn <= {"outlier-features"}
    order = dict(charts)["robustness-order"]
    for e in study["metrics"].values():
        assert e["effective_robustness"]["mean"] is not None
    names = re.findall('<div class="dot"><span>([^<]+)</span>', order)
    assert names[:3] == ["zero-shot", "finetuned", "supervised"]


@pytest.mark.usefixtures("undrawn")
def test_where_no_encoder_has_an_outlier_feature_a_sentence_says_so(page, study):
    assert "No encoder has an outlier feature" not in page()
    for series in study["series"].values():
        for at in series["outliers"]["sweep"]:
            at["outlier_features"] = 0
    text = page()
    assert "No encoder has an outlier feature</strong>, whether 1 %" in text
    columns = table(text, "Kurtosis and outlier features").partition("<tbody>")[0]
    assert "Outlier features, by the share" not in columns


@pytest.mark.usefixtures("undrawn")
def test_sets_that_the_study_draws_are_called_drawn(page):
    nano = yaml.safe_load(NANO.read_text())["datasets"]
    datasets = msgspec.convert(nano, dict[str, DatasetEntry])
    text = page(provenance=Provenance(datasets=datasets))
    accuracy = table(text, "Accuracy")
    names = ["ImageNet", *TESTBED_SHIFTS.values()]
    for name in names:
        assert f'<th scope="col">drawn {name}</th>' in accuracy
    words = " ".join(
        re.sub(r"<style.*?</style>|<script.*?</script>|<[^>]*>", " ", text, flags=re.S).split()
    )
    assert "one point of drawn ImageNet accuracy" in words
    assert "against top-1 accuracy on drawn ImageNet" in words
    assert 'scope="col">ImageNet' not in text


@pytest.mark.usefixtures("undrawn")
def test_the_finder_lists_what_nothing_encodes(page):
    finder = table(
        page(probed=[("moon", "object"), ("star", "object")]), "Concepts and what encodes them"
    )
    assert re.findall(r'data-words="([^"]+)"', finder) == [
        "disc object",
        "moon object",
        "star object",
    ]
    moon = finder[finder.index("moon object") :].partition("</tr>")[0]
    assert '<td class="encoders">0</td>' in moon and "nothing" in moon and "<a " not in moon


@pytest.mark.usefixtures("undrawn")
def test_a_verdict_leads_to_its_figure_and_back(page, study):
    text = page()
    claims = re.findall(r'<li id="(claim-[^"]+)">\s*<a class="verdict [^"]+" href="#([^"]+)"', text)
    assert len(claims) == 6 and len({claim for claim, _ in claims}) == 6
    for claim, figure in claims:
        drawn = text[text.index(f'<figure id="{figure}"') :].partition("</figure>")[0]
        assert f'href="#{claim}"' in drawn
    for series in study["series"].values():
        series["concepts"] = []
    text = page()
    assert re.search(r'<li id="claim-concept-order">\s*<span class="verdict', text)


@pytest.mark.usefixtures("undrawn")
def test_tables_have_captions_and_scopes(page):
    text = page()
    for table_ in re.findall(r"<table.*?</table>", text, re.DOTALL):
        assert re.match(r"<table[^>]*><caption>[^<]+</caption>", table_)
        assert "<th>" not in table_ and all(
            'scope="' in th for th in re.findall("<th .*?>", table_)
        )


@pytest.mark.usefixtures("few_drawn")
def test_concepts_of_two_kinds_of_representation_are_drawn_apart(page, study):
    study["series"]["rn_supervised"]["representation"] = "rectified"
    text = page()
    drawn = text[text.index('<figure id="figure-concepts">') :].partition("</figure>")[0]
    assert drawn.count("<svg role") == 4 and "<h4>rectified representations</h4>" in drawn
    linear, _, rectified = drawn.partition("<h4>rectified")
    assert "RN supervised<" in rectified and "RN supervised<" not in linear
    assert WHY_APART in rectified
    assert Nesting(text).wrong == []


@pytest.mark.usefixtures("undrawn")
def test_the_text_is_escaped(page, study):
    study["entries"]["rn_supervised"]["label"] = "<b>&'"
    text = page()
    assert "a &lt;miniature&gt;" in text and "<p>First &amp; foremost.</p>\n<p>Second.</p>" in text
    assert "<b>" not in text and text.count("</span>&lt;b&gt;&amp;&#39;</th>") == 11
    assert "supervised" in text and "&amp;lt;" not in text


@pytest.mark.usefixtures("few_drawn")
def test_labels_add_no_element_and_no_attribute(page, study):
    plain = Nesting(page()).tags
    for number, entry in enumerate(study["entries"].values()):
        entry["label"] = f"</script></title></svg><script>{number}</script><b onclick='\"'>"
    assert sorted(Nesting(page()).tags) == sorted(plain)


@pytest.mark.usefixtures("undrawn")
def test_what_the_page_says_follows_the_numbers(page, study):
    claim = "80 % of a zero-shot encoder&#39;s least important"
    says = rf'class="verdict ([a-z-]+)"[^>]*>[^<]+</a>\s*<div><p>{claim}'
    before = re.findall(says, page())
    for metrics in study["metrics"].values():
        metrics["directions"] |= {"prunable": 0.9, "by_accuracy": 0.9}
    assert (before, re.findall(says, page())) == (["not-shown"], ["shown"])


@pytest.mark.usefixtures("undrawn")
def test_controls_are_folded_by_instrument_and_one_that_fails_is_open(page, study):
    text = page()
    validated = table(text, "CKA: planted and found")
    assert validated.count("<td") == 4 and "✓ yes" in validated and "✗" not in text
    assert text.count('<details class="control">') == 7
    assert "<strong>CKA</strong>: 1 of 1 as planted" in text
    study["controls"]["cka"]["controls"][0] |= {"found": -0.5, "as_planted": False}
    text = page()
    broken = table(text, "CKA: planted and found")
    assert "<td>−0.5000</td>" in broken and "<strong>✗ no</strong>" in broken
    assert text.count("✗ no") == 1 and text.count('<details class="control" open>') == 1
    assert "<strong>CKA</strong>: 0 of 1 as planted" in text
    limits = " ".join(text.split())
    assert "3 equal outliers among an image's features reach at most 6.45 σ" in limits
    assert "when raised by 16.7 σ or more" in limits and "5.57 σ and so are found at no" in limits


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_of_how_many_concepts_the_encoded_ones_are(page, study):
    assert "of the 40 that some of the images show" in " ".join(page().split())
    study["metrics"]["rn_supervised"]["concepts"]["measured"] = 1197
    assert "of the 40 or 1197 that some" in " ".join(page().split())


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_is_left_out_and_when_counts_have_no_chance_level(page, study):
    said = " ".join(page().split())
    assert "on fewer than 14 images are left out" in said and "here there are 3." in said
    assert "at most 5 % of them" in said and "no chance level" not in said
    fold = said[said.index('<details id="concepts-rn_supervised">') :].partition("</summary>")[0]
    assert "16 of directions (images permuted 0.2, random directions 8.0)," in fold
    for metrics in study["metrics"].values():
        metrics["concepts"]["null_draws"] = 0
        for basis in ("directions", "features"):
            chance = metrics["concepts"][f"chance_{basis}"]
            chance |= {name: None for name in chance if name != "over_all"}
    text = page()
    assert "no chance level" in " ".join(text.split())
    found = cells(table(text, "Unique concepts of directions"), "RN supervised")
    assert found[1:3] == ["–", "5 (by chance –, –)"]


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_which_scores_pass_the_sanity_checks(page):
    checks = table(page(), "Sanity checks of concept scores")
    assert "concepts on 1 % of the images" in checks
    assert cells(checks, "balanced") == ["missing labels", "10 %", "<strong>no</strong>"]
    assert cells(checks, "all images") == ["missing labels", "100 %", "yes"]


@pytest.mark.usefixtures("undrawn")
def test_a_chart_without_rows_is_left_out(page, study):
    assert 'id="figure-training_loss"' in page()
    for series in study["series"].values():
        series["training_curve"] = []
    text = page(comparisons=[])
    assert 'id="figure-training_loss"' not in text and 'id="training"' not in text
    assert 'id="figure-cka"' not in text and 'id="layers"' not in text


@pytest.mark.usefixtures("undrawn")
def test_accuracies_and_robustness_equal_the_results(page, study):
    metrics = study["metrics"]["vit_supervised"]
    robustness = metrics["effective_robustness"]
    text = page()
    found = cells(table(text, "Accuracy"), "ViT supervised")
    assert found[:6] == [f"{a:.1f}" for a in metrics["accuracy"].values()]
    assert float(found[6]) == round(np.mean([metrics["accuracy"][s] for s in SHIFTS]), 1)
    found = cells(table(text, "Effective robustness"), "ViT supervised")
    assert found[0].startswith(f"{robustness['mean']:.1f}".replace("-", "−"))
    for cell, kind in zip(found[1:3], ("natural", "style"), strict=True):
        mean = robustness[kind]
        assert cell == format_interval(mean["value"], mean["low"], mean["high"])
    values = [float(cell.replace("−", "-")) for cell in found[3:]]
    assert values == [round(robustness[k], 1) for k in list(robustness)[:5]]


@pytest.mark.usefixtures("undrawn")
def test_the_measures_of_the_representation_equal_the_results_and_none_is_a_dash(page, study):
    study["metrics"]["vit_supervised"]["concepts"]["unique_directions"] = None
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
    assert (features[0], features[-1]) == ("19 [17, 21]", "1.20 [1.10, 1.30]")
    assert cells(concepts, "ViT supervised")[0] == "–"
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
def test_a_study_without_robustness_says_by_dashes_what_cannot_be_pruned(page, study):
    study["series"]["rn_web_broad"]["pruned_robustness"] = []
    for metrics in study["metrics"].values():
        metrics["directions"] |= {"prunable": None, "by_robustness": None}
        metrics["directions"]["random_heads"] |= {"prunable": None, "by_robustness": None}
    text = page()
    found = cells(table(text, "Privileged directions"), "RN supervised")
    assert found[1:5] == ["–", "30 %", "–", "–"]
    assert "as directions are pruned" not in text


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_is_subtracted_and_marks_a_guess(page, study):
    assert "mean of the class vectors is subtracted first" in page()
    for metrics in study["metrics"].values():
        metrics["directions"] |= {"centre": "none", "extrapolated": [0.1]}
    text = page()
    assert "keeps the mean of the class vectors, as the paper does" in text
    assert cells(table(text, "Privileged directions"), "RN supervised")[1:4] == [
        "20 %‡",
        "30 %",
        "20 %‡",
    ]


@pytest.mark.usefixtures("undrawn")
def test_the_finder_says_which_concepts_are_encoded_and_by_what(page, study):
    series = study["series"]["rn_supervised"]
    series["encoded"][0]["side"] = "negative"
    series["pairs"]["features"] = 900
    text = page()
    finder = table(text, "Concepts and what encodes them")
    assert re.findall(r'data-words="([^"]+)"', finder) == ["disc object", "star object"]
    star = finder[finder.index("star object") :]
    own = star[star.index("</span>RN supervised:") :].partition('<span class="finding">')[0]
    assert re.findall(r'<a href="([^"]+)">([^<]+)</a> ([\d.]+)', own) == [
        ("directions/rn_supervised/directions_1.html#direction-7", "direction 7", "0.95"),
        ("directions/rn_supervised/features.html#feature-7", "feature 7", "0.95"),
        ("directions/rn_supervised/directions_1.html#direction-1", "−direction 1", "0.93"),
        # another than the examined features has a page of its hundred
        ("directions/rn_supervised/features_0.html#feature-1", "feature 1", "0.93"),
    ]
    fold = text[text.index('<details id="concepts-rn_supervised">') :].partition("</details>")[0]
    assert 'href="directions/rn_supervised/index.html"' in fold
    assert "c0 (object), c1 (object)" in fold
    assert "strongest 3 of 900 pairs of features" in " ".join(fold.split())
    assert "<code>data/concepts/rn_supervised/encoded.csv</code>" in fold
    assert text.count("encoded.csv") == 1


@pytest.mark.usefixtures("undrawn")
def test_each_kind_of_representation_has_a_table_of_its_own(page, study):
    assert WHY_APART not in page()
    study["series"]["rn_supervised"]["representation"] = "rectified"
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
def test_outlier_features_stand_with_their_limits_and_at_every_share(page, study):
    study["series"]["rn_supervised"]["representation"] = "rectified"
    study["series"]["rn_supervised"]["outliers"] |= {"features": 1024, "hiding_outliers": 28}
    text = page()
    said = " ".join(text[text.index("An outlier feature lies") :].split())
    assert "more than 6.0 σ" in said and "at least 50 % of the images" in said
    assert "so that 4 of 128 and 28 of 1024 are enough" in said and "sparse" in said
    linear, rectified = (
        table(text, f"Kurtosis and outlier features: {kind} representations")
        for kind in ("linear", "rectified")
    )
    assert '<th scope="col">1 %</th><th scope="col">50 %</th>' in linear
    assert cells(linear, "ViT supervised")[3:] == ["1.3", "0", "2", "0"]
    assert cells(rectified, "RN supervised")[1:3] == ["–", "–"]  # its null has another kind
    assert "RN supervised<" in rectified and "RN supervised<" not in linear


@pytest.mark.usefixtures("undrawn")
def test_features_stand_beside_random_directions_and_untrained_encoders(page, study):
    text = page()
    found = cells(table(text, "Features against random directions"), "RN supervised")
    assert found[:5] == ["2.60", "2.93", "0.62", "0", "0.0"]
    assert found[5:] == ["4.1", "4.2", "1.27", "1.33", "–", "0.2"]
    nulls = table(text, "Untrained encoders, mean ± SD")
    assert cells(nulls, "<code>rn</code>")[:4] == ["20", "500", "2.85 ± 0.34", "0.0 ± 0.0"]
    assert nulls.count('<th scope="row">') == 2
    study["nulls"] = {}
    assert "Untrained encoders, mean ± SD" not in page()


@pytest.mark.usefixtures("undrawn")
def test_outlier_features_stand_beside_the_directions_and_what_they_cost(page, study):
    outliers = study["series"]["vit_supervised"]["outliers"]
    outlier = outliers["axes"][0] | {"feature": 9, "outlier": True, "share": 0.75}
    del (outlier := outlier | {"costs": dict(outlier["costs"])})["costs"]["objectnet"]
    text = page()
    found = cells(table(text, "Outlier features and the head"), "ViT supervised")
    assert found[:5] == ["7§", "1.3", "0.43", "0.21", "3"]
    # In brackets: what k of 128 directions hold of a random axis.
    assert found[5:9] == ["5 (1)", "25 (2)", "50 (8)", "62 (9)"]
    assert found[9:] == ["1.2", "0.8", *["0.4 [−0.1, 0.9]"] * 6]
    outliers["axes"] = [outlier]
    found = cells(table(page(), "Outlier features and the head"), "ViT supervised")
    assert found[:2] == ["9", "75.0"] and found.count("–") == 1


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
def test_extrapolated_numbers_are_marked_in_both_tables_and_the_mark_is_explained(page, study):
    for metrics in study["metrics"].values():
        metrics["effective_robustness"]["extrapolated"] = []
    assert "they span" not in page()
    study["metrics"]["rn_web_broad"]["effective_robustness"]["extrapolated"] = ["objectnet"]
    text = page()
    both = table(text, "Effective robustness")
    found = cells(both, "RN zero-shot, web-broad")
    assert [i for i, cell in enumerate(found) if cell.endswith("‡")] == [0, 1, 6]
    assert "‡" not in "".join(cells(both, "RN supervised"))
    assert "they span 35.0 to 98.0 %" in " ".join(text.split())


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_how_many_standard_models_are_at_chance(page, study):
    study["baseline"]["at_chance"]["objectnet"] = ["model 0", "model 1"]
    text = " ".join(page().split())
    assert "Left out of 16: ImageNet-V2 0 (chance 8.3 %, above it from 9.5 %)," in text
    assert "ObjectNet 2 (chance" in text


@pytest.mark.usefixtures("undrawn")
def test_cka_without_outlier_features_stands_beside_the_plain_one(page, study):
    text = page()
    assert "CKA without outlier features" not in text
    # nothing was left out: a sentence, and no columns of zeros
    assert cells(table(text, "Similarity of layers"), "RN zero-shot, web-broad")[4:] == []
    assert "No layer has an outlier feature" in text
    pair = study["comparisons"]["backbones"]
    pair |= {"first_outliers": [0, 2, 0, 0, 0, 1], "without_outliers": [*pair["cka"]]}
    pair["without_outliers"][1] = [0.5, 0.25, None, 1 / 3, 0.25]
    text = page(comparisons=msgspec.convert([pair], list[LayerComparison]))
    assert cells(table(text, "Similarity of layers"), "RN zero-shot, web-broad")[4:] == [
        *("3", "0", "0.750")
    ]
    matrix = table(
        text, "CKA without outlier features, and of all features in brackets where it differs"
    )
    assert cells(matrix, "layer1 (2)") == ["0.50", "0.25 (1.00)", "– (0.50)", "0.33", "0.25"]


@pytest.mark.usefixtures("undrawn")
def test_a_shift_that_the_study_does_without_is_a_dash(page, fewer):
    text = page()
    both = table(text, "Accuracy") + table(text, "Effective robustness")
    assert both.count("<td>–") == 4 * len(fewer["entries"])


@pytest.mark.usefixtures("undrawn")
def test_what_a_folder_of_activations_lacks_is_said_and_is_a_dash(page, study):
    whole = both_tables(page())
    metrics = study["metrics"]["rn_web_broad"]  # the first encoder's
    metrics["accuracy"]["objectnet"] = None
    metrics["effective_robustness"] |= {
        **dict.fromkeys(("objectnet", "mean", "mean_low", "mean_high")),
        **{"shifts": [s for s in SHIFTS if s != "objectnet"], "not_given": ["objectnet"]},
    }
    metrics["concepts"] = dict.fromkeys(metrics["concepts"])
    study["series"]["rn_web_broad"] |= {"concepts": [], "sweep": [], "encoded": []}
    study["series"]["rn_web_broad"] |= {"pairs": {}, "concept_names": {}}
    given = GivenFolder(folder="runs/<mine>", sha256="ab" * 32)
    text = page(provenance=Provenance(given={"rn_web_broad": given}))
    said = " ".join(text.split())
    assert (
        "No means of RN zero-shot, web-broad:</strong> its folder of activations has none on"
        in said
    )
    assert "ObjectNet, and a mean over the other shifts would not compare" in said
    assert "No concepts of RN zero-shot, web-broad:</strong>" in said
    assert "<code>runs/&lt;mine&gt;</code>, manifest with the SHA-256 <code>abab" in said
    accuracy = both_tables(text)
    assert accuracy.count("<td>–") == whole.count("<td>–") + 4
    assert "mean of the five shifts" in said  # of the others


@pytest.mark.usefixtures("undrawn")
def test_a_study_without_shifts_and_broden_still_has_a_page(page, study):
    for key in study["entries"]:
        for part in ("accuracy", "effective_robustness", "concepts"):
            metrics = study["metrics"][key][part]
            metrics |= {name: None for name in metrics if name != "imagenet"}
        study["metrics"][key]["effective_robustness"] |= {"shifts": [], "extrapolated": []}
        study["series"][key] |= {"concepts": [], "sweep": []}
    text = page(comparisons=[])
    assert "mean of no shift" in " ".join(text.split()) and 'id="figure-concepts"' not in text


@pytest.mark.parametrize("kernels", ["portable", "native"])
def test_the_page_says_which_kernels_the_study_has(page, undrawn, kernels):
    text = page(provenance=Provenance(kernels=kernels))
    assert ("Portable:" in text, "Native," in text) == (kernels == "portable", kernels == "native")


def test_the_page_says_which_kernels_were_chosen(page, undrawn):
    assert "kernels of the" not in page()
    variables = ["MKL_CBWR=AVX2", "OPENBLAS_CORETYPE=Haswell"]
    text = page(provenance=Provenance(variables=variables))
    assert "<code>MKL_CBWR=AVX2, OPENBLAS_CORETYPE=Haswell</code>" in text


@pytest.mark.usefixtures("undrawn")
def test_the_page_counts_images_and_classes_and_says_what_was_not_compared(page, study):
    study["metrics"]["rn_web_broad"]["images"]["imagenet_sketch"] = 1234
    study["metrics"]["rn_web_broad"]["classes"]["imagenet_sketch"] = 7
    series = study["series"]["rn_web_broad"]
    series["left_out"] = {"objectnet": "objectnet has images of 9 of the 113 classes"}
    series["abscissa"]["imagenet_sketch"]["images"] = 876
    sketch = ImageNetSketch(source="folder", folder="sketch", limit=1200)
    text = page(provenance=Provenance(datasets={"imagenet_sketch": sketch}))
    assert cells(table(text, "Datasets"), "imagenet_sketch") == [
        *("imagenet_sketch", "folder: sketch", "1234", "7", "–"),
        *("a fixed subset of about 1200 images", "876"),
    ]
    assert "No effective robustness on ObjectNet:</strong> objectnet has images of 9 of" in text
    assert "use ImageNet accuracy on all classes" in text
    assert "ImageNet accuracy is that on all classes.</figcaption>" in text
    assert "those of the shift’s classes" not in text
    study["baseline"]["abscissa"]["objectnet"] = "imagenet_on_objectnet_classes"
    for one in study["baseline"]["models"]:
        one["imagenet_on_objectnet_classes"] = one["imagenet"]
    text = page()
    assert "use ImageNet accuracy on the shift’s classes" in text
    assert "is that on the shift&#39;s classes.</figcaption>" in text
    assert "those of the shift’s classes" in text


@pytest.mark.usefixtures("undrawn")
def test_correlations_shared_concepts_and_pretraining_sets_are_tables(page, study):
    numbers = {"encoders": 9, "extrapolated": 1, "value": 0.5, "low": -0.25, "high": 1.0}
    kind = {"representation": "linear representations", "measure": "kurtosis"}
    text = page(correlations=[Correlation(**kind, **numbers)])
    found = cells(
        table(text, "Rank correlation (Spearman) with mean effective robustness"), "kurtosis"
    )
    assert found == ["linear", "9", "1", "0.50 [−0.25, 1.00]"]
    shared = table(text, "Shared and unique concepts")
    zero_shot, finetuned = (len(key) for key in ("rn_web_broad", "rn_web_broad_finetuned"))
    assert cells(shared, "RN zero-shot, web-broad") == [
        *("RN finetuned, web-broad", "directions", "12"),
        *(f"{zero_shot * finetuned / 40:.1f}", "0", f"{finetuned - zero_shot}"),
    ]
    pretraining = table(text, "Kurtosis of zero-shot encoders by pretraining set")
    assert cells(pretraining, "web_narrow")[0] == "RN zero-shot, web-narrow"
    assert "untrained" not in pretraining and "finetuned" not in pretraining
