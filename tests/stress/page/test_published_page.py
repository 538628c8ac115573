"""The page of published models in a browser: table, chart, lines, own models and links."""

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from interpreting_clip.charts.pictures import vega_script
from interpreting_clip.formats.published_accuracies import TESTBED, standard_models
from interpreting_clip.formats.results import read_result
from interpreting_clip.published.schema import Findings, PublishedModels
from page.published_page import published_page
from page.published_results import Draws, read_lines
from tests.reads import ROOT
from tests.stress.page.conftest import NARROW, excess_width, violations

PLOTS = ROOT / "plots"

POINT = """([label, shift]) => {
  const panels = [...document.querySelectorAll("#chart-published .panel")];
  const panel = panels.find((one) => one.querySelector("p").textContent === shift);
  const known = (datum) => datum?.label === label && datum.training;
  const marks = [...panel.querySelectorAll("path")];
  const box = marks.find((mark) => known(mark.__data__?.datum)).getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
"""Where a model's point is in the window."""

UNDRAWN = """document.querySelectorAll(".chart svg > *").forEach((one) => one.remove());"""
"""Removes a chart's thousand points, which take axe long."""

LONE = "nllb-clip-large-siglip/v1"
"""A model whose point no other covers."""

CLIP, OWN = "ViT-B-32/openai", "mine; a=b"
ACCURACIES = {"imagenet": 63.3, "imagenet_a": 31.5}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of what stage `published` has written."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "vega.js").write_text(vega_script())
    html = published_page(
        read_result(PLOTS / "published_models.json", PublishedModels),
        read_result(PLOTS / "published.json", Findings),
        read_lines(PLOTS / "published_lines.csv"),
        read_result(PLOTS / "published_draws.json", Draws),
        pd.DataFrame(standard_models(ROOT / TESTBED)),
    )
    (folder / "published.html").write_text(html)
    return folder / "published.html"


@pytest.fixture(scope="module")
def cards() -> dict[str, Any]:
    return json.loads((PLOTS / "published_models.json").read_text())


def drawn(page: Page) -> Page:
    """Wait until the chart is drawn and linked with the table."""
    page.wait_for_function("document.querySelectorAll('#chart-published .marks').length === 5")
    page.evaluate("charts.published().then(() => null)")
    return page


@pytest.fixture
def opened(file: Path, page: Page) -> Page:
    """Open the page and wait for its chart."""
    page.goto(file.as_uri())
    return drawn(page)


def column(page: Page, number: int) -> list[str]:
    """Return the texts of a column, counted from 1, as the table shows it."""
    return page.locator(f"#published-table tbody tr > :nth-child({number})").all_inner_texts()


def values(texts: list[str]) -> list[float]:
    """Return the leading numbers of cells, without those that have none."""
    signed = [text.replace("−", "-").replace("‡", "").split("[")[0].strip() for text in texts]
    return [float(text) for text in signed if text != "–"]


def names(page: Page) -> list[str]:
    return page.locator("#published-table tbody th button").all_inner_texts()


def reopen(page: Page) -> None:
    """Open the page's address anew."""
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    drawn(page)
    assert page.url == address


def point(page: Page, label: str, shift: str) -> tuple[float, float]:
    page.locator("#chart-published").scroll_into_view_if_needed()
    x, y = page.evaluate(POINT, [label, shift])
    return x, y


def settled(page: Page) -> None:
    """Wait until the chart has drawn what was asked of it."""
    page.evaluate(
        "charts.published().then((chart) => Promise.all(chart.views.map((v) => v.runAsync())))"
        ".then(() => null)"
    )


def labels(page: Page) -> set[str]:
    """Return the models whose points the chart has."""
    settled(page)
    return set(
        page.evaluate(
            "[...document.querySelectorAll('#chart-published path')].map(m => m.__data__?.datum)"
            ".filter(datum => datum?.kind === 'encoder').map(datum => datum.label)"
        )
    )


def add_own(page: Page, name: str, accuracies: Mapping[str, float]) -> None:
    page.locator("#own").evaluate("one => { one.open = true }")
    page.locator("#own-form [name=name]").fill(name)
    for key, value in accuracies.items():
        page.locator(f"#own-form [name={key}]").fill(str(value))
    page.get_by_role("button", name="Add", exact=True).click()


def test_without_javascript_the_drawing_and_the_table_are_there(file: Path, browser: Browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("#published-table tbody tr").count() > 117 + 72 + 37
    assert page.locator("#chart-published svg").count() == 5
    assert page.locator("#figure-published .legend").is_visible()
    assert page.locator("form:visible, [data-script]:visible").count() == 0
    ranks = [text for text in column(page, 2) if text != "–"]
    assert ranks == [str(rank) for rank in range(1, len(ranks) + 1)]
    means = column(page, 11)
    first_marked = next(place for place, text in enumerate(means) if "‡" in text)
    for some in (means[:first_marked], means[first_marked:]):
        assert values(some) == sorted(values(some), reverse=True)
    context.close()


CHECKED = """([choice, names]) => {
  const { place, ends, drawn, drawnMean, meanOver, shiftsOf, models } = window.published;
  const MEANS = ["all", "without_objectnet", "natural", "natural_without_objectnet", "style"];
  const using = { choice, without: "" };
  return models.filter((model) => names.includes(model.name)).map((model) => {
    const { robustness, extrapolated } = place(using, model.accuracy);
    const draws = drawn(using, model.accuracy, Object.keys(robustness));
    const means = {};
    for (const mean of MEANS) {
      const over = shiftsOf(choice, mean);
      const value = meanOver(robustness, over);
      means[mean] = value === null ? null : [value, ...ends(drawnMean(draws, over))];
    }
    return { name: model.name, robustness, extrapolated, means };
  });
}"""


def test_every_number_of_every_choice_is_that_of_the_result(opened: Page, cards: dict[str, Any]):
    known = {m["name"]: m["robustness"] for m in cards["models"] if len(m["robustness"]) > 1}
    for choice, about in cards["choices"].items():
        placed = 0
        for found in opened.evaluate(CHECKED, [choice, list(known)]):
            where = (choice, found["name"])
            expected = known[found["name"]].get(choice, {"shifts": {}, "extrapolated": []})
            assert found["robustness"] == pytest.approx(expected["shifts"], abs=6e-4), where
            assert set(found["extrapolated"]) == set(expected["extrapolated"]), where
            for mean, interval in expected.get("means", {}).items():
                assert found["means"][mean] == (interval and pytest.approx(interval, abs=2e-3))
            placed += bool(expected["shifts"])
        assert placed > 30, choice
        value, models = opened.evaluate("(key) => published.agreement(key, '')", choice)
        correlation, *_ = about["rank_correlation"] or [1]
        assert value == pytest.approx(correlation, abs=1e-3)
        assert models == about["compared"]


def test_a_choice_of_the_line_changes_table_chart_and_text(opened: Page, cards: dict[str, Any]):
    before = column(opened, 11)
    opened.locator("[name=line]").select_option("timm")
    expect(opened.locator("#choice")).to_contain_text("rank correlation of 0.99")
    assert column(opened, 11) != before
    assert names(opened)[0] == cards["choices"]["timm"]["leaders"][0]
    expect(opened.locator("#lead")).to_be_hidden()
    expect(opened.locator("#lead-choice")).to_contain_text(names(opened)[0])
    assert opened.locator("#chart-published .panel:visible").count() == 4
    assert "resnet50.a1_in1k" not in labels(opened)
    assert opened.url.endswith("#models?line=timm")
    opened.locator("[name=line]").select_option("with_v2")
    settled(opened)
    expect(opened.locator("#chart-published")).to_contain_text("accuracy expected of both")
    expect(opened.locator("#missing")).to_contain_text("No line for ImageNet-V2")
    opened.locator("[name=line]").select_option("default")
    assert column(opened, 11) == before and "#" not in opened.url


def test_a_column_sorts_both_ways_and_what_has_no_number_stands_last(opened: Page):
    head = opened.locator("#published-table [data-sort=objectnet]")
    for order in ("descending", "ascending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        texts = column(opened, 7)
        numbers = values(texts)
        assert numbers == sorted(numbers, reverse=order == "descending")
        assert set(texts[len(numbers) :]) == {"–"}


def test_hovering_names_a_point_and_clicks_link_points_and_rows(opened: Page):
    label = "ViT-L-14/datacomp_xl_s13b_b90k"
    opened.mouse.move(*point(opened, LONE, "ObjectNet"))
    tip = opened.locator("#vg-tooltip-element.visible")
    for text in (LONE, "zero-shot", "51.8", "effective robustness", "points", "["):
        expect(tip).to_contain_text(text)
    opened.mouse.click(*point(opened, LONE, "ObjectNet"))
    chosen = opened.locator("#published-table tr.chosen")
    expect(chosen).to_have_count(1)
    assert chosen.locator("th button").inner_text() == LONE
    expect(chosen).to_be_in_viewport()
    opened.get_by_role("button", name=label, exact=True).press("Enter")
    assert chosen.locator("th button").inner_text() == label
    assert chosen.get_by_role("button").get_attribute("aria-pressed") == "true"
    chosen.locator("td").first.click()
    expect(chosen).to_have_count(0)


def test_own_models_are_placed_compared_shared_and_removed(opened: Page, cards: dict[str, Any]):
    published = next(m for m in cards["models"] if m["name"] == CLIP)
    add_own(opened, OWN, published["accuracy"])
    own = opened.locator("#published-table tr.own")
    row = opened.locator("#published-table tbody tr", has_text=CLIP).first
    same = row.locator("td").all_inner_texts()[3:]
    assert own.locator("td").all_inner_texts()[3:] == same
    add_own(opened, "second", {"imagenet": 70, "imagenet_r": 60})
    expect(own).to_have_count(2)
    assert {OWN, "second"} <= labels(opened)
    expect(opened.locator("#own-models")).to_contain_text("more robust on this shift")
    difference = opened.locator("#own-differences")
    expect(difference).to_contain_text(re.compile(r"minus second: −?\d+\.\d \[.*over 1 shift\."))
    opened.get_by_role("button", name=LONE, exact=True).click()
    expect(difference).to_contain_text(f"minus {LONE}")
    reopen(opened)
    expect(own).to_have_count(2)
    assert {OWN, "second"} <= labels(opened)
    expect(opened.locator("#published-table tr.chosen th button")).to_have_text(LONE)
    opened.get_by_role("button", name="Remove second").click()
    expect(own).to_have_count(1)
    opened.get_by_role("button", name=f"Edit {OWN}").click()
    field = opened.locator("#own-form [name=imagenet]")
    assert field.input_value() == str(published["accuracy"]["imagenet"])
    field.fill("64")
    opened.get_by_role("button", name="Add", exact=True).click()
    expect(own.locator("td").nth(3)).to_have_text("64.0")


def test_what_is_no_percentage_and_a_name_that_is_taken_are_refused(opened: Page):
    alert = opened.locator("#own-form [role=alert]")
    for name, typed, said in (
        ("x", {"imagenet": 70}, "and on at least one shift"),
        ("x", {"imagenet": 101, "imagenet_r": 5}, "ImageNet: expected a percentage from 0 to 100"),
        ("x", {"imagenet": 0.76}, "not a fraction; is it 76?"),
        ("x", {"imagenet": 70, "imagenet_r": -1}, "ImageNet-R: expected a percentage"),
        (CLIP, {"imagenet": 70, "imagenet_r": 0}, "is a published model"),
    ):
        add_own(opened, name, typed)
        expect(alert).to_contain_text(said)
        expect(opened.locator("#published-table tr.own")).to_have_count(0)
    add_own(opened, "", {"imagenet": 95, "imagenet_r": 0})
    expect(alert).to_be_empty()
    expect(opened.locator("#own-models")).to_contain_text("‡ The line is extrapolated")


def test_the_address_keeps_the_state_and_links_within_the_page_keep_it_too(opened: Page):
    opened.get_by_role("searchbox").fill("b-32")
    opened.locator("[name=line]").select_option("probit")
    opened.locator("[name=unit]").select_option("robustness")
    opened.locator("[name=training][value=soup]").uncheck()
    opened.locator("#published-table [data-sort=imagenet_a] button").click()
    state = (names(opened), column(opened, 8))
    opened.locator("nav a", has_text="Claims").click()
    expect(opened.locator("#shows h2")).to_be_in_viewport()
    assert "#shows?q=b-32" in opened.url
    reopen(opened)
    assert (names(opened), column(opened, 8)) == state
    expect(opened.locator("#shows h2")).to_be_in_viewport()
    assert set() < labels(opened) <= set(state[0])  # some lie outside the frame


def test_table_and_figure_can_be_downloaded(opened: Page, tmp_path: Path):
    opened.get_by_role("searchbox").fill("datacomp")
    add_own(opened, 'my, "own"', ACCURACIES)
    settled(opened)
    files = {}
    for act in ("csv", "svg", "png"):
        with opened.expect_download() as started:
            opened.locator(f"[data-act={act}]").click()
        files[act] = tmp_path / started.value.suggested_filename
        started.value.save_as(files[act])
    rows = list(csv.DictReader(files["csv"].read_text().splitlines()))
    assert {row["model"] for row in rows} == {*names(opened)} >= {'my, "own"'}
    row = next(row for row in rows if row["model"] == "ViT-B-32/datacomp_xl_s13b_b90k")
    assert float(row["low_all"]) < float(row["mean_all"]) < float(row["high_all"])
    assert row["line"].startswith("logit") and row["source"].startswith("https://")
    svg = files["svg"].read_text()
    assert svg.startswith("<svg") and "var(" not in svg and "ImageNet-Sketch" in svg
    with Image.open(files["png"]) as picture:
        assert picture.size[0] > 1500


def test_everybody_can_read_the_page(opened: Page):
    add_own(opened, "mine", ACCURACIES)
    opened.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
    opened.set_viewport_size(NARROW)
    assert excess_width(opened) == 0
    opened.evaluate(UNDRAWN)
    opened.get_by_role("searchbox").fill("datacomp")  # axe looks at every cell of every row
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        assert violations(opened) == []
