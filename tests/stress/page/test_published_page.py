"""The page of published models in a browser: table, chart, lines, own models and links."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

import interpreting_clip as ic
from interpreting_clip.charts.pictures import vega_script
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.published.schema import PublishedModels
from interpreting_clip.statistics.published_accuracies import TESTBED, standard_models
from page.names import format_estimate
from page.published_page import ROWS, published_page
from page.published_results import Draws, read_lines
from tests.reads import ROOT
from tests.stress.page.conftest import NARROW, excess_width, violations

PLOTS = ROOT / "plots"

CLIP, LONE, OWN = "ViT-B-32/openai", "nllb-clip-large-siglip/v1", "mine; a=b"
ACCURACIES = {"imagenet": 63.3, "imagenet_a": 31.5}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of what stage `published` has written."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "vega.js").write_text(vega_script())
    html = published_page(
        read_result(PLOTS / "published_models.json", PublishedModels),
        read_json(PLOTS / "published.json"),
        read_lines(PLOTS / "published_lines.csv"),
        read_result(PLOTS / "published_draws.json", Draws),
        pd.DataFrame(standard_models(ROOT / TESTBED)),
    )
    (folder / "published.html").write_text(html)
    return folder / "published.html"


@pytest.fixture(scope="module")
def cards() -> dict[str, Any]:
    return json.loads((PLOTS / "published_models.json").read_text())


@pytest.fixture
def opened(file: Path, page: Page) -> Page:
    return open_page(page, file.as_uri())


def open_page(page: Page, address: str) -> Page:
    """Open the page anew, and wait until its chart is drawn and linked with the table."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_function("document.querySelectorAll('#chart-published .marks').length === 5")
    page.evaluate("charts.published().then(() => null)")
    return page


def column(page: Page, number: int) -> list[str]:
    """Return the texts of a column, counted from 1, as the table shows it."""
    return page.locator(f"#published-table tbody tr > :nth-child({number})").all_inner_texts()


def names(page: Page) -> list[str]:
    return page.locator("#published-table tbody th button").all_inner_texts()


def add_own(page: Page, name: str, accuracies: Mapping[str, float]) -> None:
    page.locator("#own").evaluate("one => { one.open = true }")
    page.locator("#own-form [name=name]").fill(name)
    for key, value in accuracies.items():
        page.locator(f"#own-form [name={key}]").fill(str(value))
    page.get_by_role("button", name="Add", exact=True).click()


CHECKED = """([choice, names]) => {
  const { place, ends, drawnMean, meanOver, models, MEANS } = window.published;
  return models.filter((model) => names.includes(model.name)).map(({ name, accuracy }) => {
    const { robustness, extrapolated } = place(choice, accuracy);
    const interval = (over) => {
      const value = meanOver(robustness, over);
      return value === null ? null : [value, ...ends(drawnMean(choice, accuracy, over))];
    };
    const means = Object.fromEntries(Object.entries(MEANS).map(([m, over]) => [m, interval(over)]));
    return { name, robustness, extrapolated, means };
  });
}"""


def test_every_number_on_both_lines_is_that_of_the_result(opened: Page, cards: dict[str, Any]):
    known = {m["name"]: m["robustness"] for m in cards["models"] if len(m["robustness"]) > 1}
    for choice in cards["choices"]:
        found = opened.evaluate(CHECKED, [choice, list(known)])
        assert len(found) > 200
        for one in found:
            where, expected = (choice, one["name"]), known[one["name"]][choice]
            assert one["robustness"] == pytest.approx(expected["shifts"], abs=6e-4), where
            assert set(one["extrapolated"]) == set(expected["extrapolated"]), where
            for mean, interval in expected["means"].items():
                assert one["means"][mean] == (interval and pytest.approx(interval, abs=2e-3))


def test_a_choice_of_the_line_changes_table_and_text(opened: Page, cards: dict[str, Any]):
    before = column(opened, 11)
    opened.locator("[name=line]").select_option("curved")
    expect(opened.locator("#choice")).to_contain_text("knee")
    assert column(opened, 11) != before
    assert names(opened)[0] == cards["choices"]["curved"]["leaders"][0]
    opened.locator("[name=line]").select_option("default")
    assert column(opened, 11) == before and "#" not in opened.url


def test_the_table_begins_with_its_first_rows_and_searches_all(opened: Page):
    total = opened.locator("#published-count").inner_text().split()[0]
    assert len(names(opened)) == ROWS
    opened.get_by_role("searchbox").fill(LONE)
    assert names(opened) == [LONE]
    opened.get_by_role("searchbox").fill("")
    opened.get_by_role("button", name=f"Show all {total} models").click()
    assert len(names(opened)) == int(total) > ROWS
    expect(opened.locator("#rest")).to_be_hidden()
    expect(opened.locator("#published-table tbody button").nth(ROWS)).to_be_focused()


def test_marks_outside_the_axes_and_heads_follow_the_filters(opened: Page):
    outside = opened.locator("#outside")
    expect(outside).to_have_text(re.compile(r"^\d+ marks lie outside the axes\.$"))
    opened.get_by_role("searchbox").fill(CLIP)
    expect(outside).to_have_text("")
    opened.locator("[name=unit]").select_option("robustness")
    expect(opened.locator("[data-robustness]")).to_contain_text("robustness")
    opened.get_by_role("searchbox").fill("")
    for box in opened.locator("[name=training]").all():
        box.uncheck()
    expect(outside).to_have_text("")


def test_own_models_are_placed_compared_shared_and_removed(opened: Page, cards: dict[str, Any]):
    published = next(m for m in cards["models"] if m["name"] == CLIP)
    add_own(opened, OWN, published["accuracy"])
    own = opened.locator("#published-table tr.own")
    opened.get_by_role("button", name="Show all").click()
    row = opened.locator("#published-table tbody tr", has_text=CLIP).first
    same = row.locator("td").all_inner_texts()[3:]
    assert own.locator("td").all_inner_texts()[3:] == same
    add_own(opened, "second", {"imagenet": 70, "imagenet_r": 60})
    expect(own).to_have_count(2)
    difference = opened.locator("#own-differences")
    expect(difference).to_contain_text(re.compile(r"minus second: −?\d+\.\d \[.*over 1 shift\."))
    opened.get_by_role("button", name=LONE, exact=True).click()
    expect(difference).to_contain_text(f"minus {LONE}")
    open_page(opened, opened.url)
    expect(own).to_have_count(2)
    expect(opened.locator("#published-table tr.chosen th button")).to_have_text(LONE)
    opened.get_by_role("button", name="Remove second").click()
    expect(own).to_have_count(1)


def test_a_column_sorts_both_ways_and_the_address_keeps_the_state(opened: Page):
    head = opened.locator("#published-table [data-sort=objectnet]")
    for order in ("descending", "ascending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        texts = column(opened, 7)
        numbers = [float(text) for text in texts if text != "–"]
        assert numbers == sorted(numbers, reverse=order == "descending")
    opened.get_by_role("searchbox").fill("b-32")
    opened.locator("[name=line]").select_option("curved")
    opened.locator("[name=unit]").select_option("robustness")
    opened.locator("[name=training][value=soup]").uncheck()
    state = (names(opened), column(opened, 7))
    opened.locator("nav a", has_text="Claims").click()
    expect(opened).to_have_url(re.compile(r"#shows\?q=b-32"))
    open_page(opened, opened.url)
    assert (names(opened), column(opened, 7)) == state
    expect(opened.locator("#shows h2")).to_be_in_viewport()


KNOWN = {
    **{"imagenet": 63.3, "imagenet_v2": 55.9, "imagenet_r": 69.4, "imagenet_sketch": 42.3},
    **{"objectnet": 43.9, "imagenet_a": 31.5},
}


@pytest.mark.parametrize("left_out", [[], ["imagenet_v2", "imagenet_sketch", "objectnet"]])
def test_an_own_models_interval_and_limit_are_those_of_the_command(
    opened: Page, left_out: list[str]
):
    known = {key: value for key, value in KNOWN.items() if key not in left_out}
    add_own(opened, OWN, known)
    found = ic.effective_robustness(known, images=dict.fromkeys(known))
    assert found.robustness and found.spread and found.curved and found.curved.robustness
    text = opened.locator("#own-models")
    mean = f"mean over {len(known) - 1} shifts "
    expect(text).to_contain_text(mean + format_estimate(found.robustness))
    expect(text).to_contain_text(f"within ±{found.spread.limit:.1f}.")
    opened.locator("[name=line]").select_option("curved")
    expect(text).to_contain_text(mean + format_estimate(found.curved.robustness))
    limit = found.curved.limit
    expect(text).to_contain_text(f"within ±{limit:.1f}." if limit else "No limit")
    assert (limit is None) == bool(left_out)
    add_own(opened, OWN, known | {"imagenet": 90})  # beyond all standard models
    expect(text).to_contain_text("No limit")


def test_table_and_figure_can_be_downloaded(opened: Page, tmp_path: Path):
    opened.get_by_role("searchbox").fill("datacomp")
    add_own(opened, 'my, "own"', ACCURACIES)
    for act in ("csv", "svg"):
        with opened.expect_download() as started:
            opened.locator(f"[data-act={act}]").click()
        started.value.save_as(tmp_path / act)
    rows = pd.read_csv(tmp_path / "csv").set_index("model").to_dict("index")
    assert set(rows) == {*names(opened)} >= {'my, "own"'}
    row = rows["ViT-B-32/datacomp_xl_s13b_b90k"]
    assert row["low_all"] < row["mean_all"] < row["high_all"]
    assert row["line"].startswith("straight") and row["source"].startswith("https://")
    assert "ImageNet-Sketch" in (tmp_path / "svg").read_text()


def test_everybody_can_read_the_page(opened: Page):
    add_own(opened, "mine", ACCURACIES)
    opened.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
    opened.set_viewport_size(NARROW)
    assert excess_width(opened) == 0
    # a chart's thousand points, and every cell of every row, take axe long
    opened.eval_on_selector_all(".chart svg > *", "all => all.forEach(one => one.remove())")
    opened.get_by_role("searchbox").fill("datacomp")
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        assert violations(opened) == []
