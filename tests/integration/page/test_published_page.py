"""The page of published models in a browser: the table, the chart, the reader's own model."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.formats.published_accuracies import (
    TESTBED,
    Settings,
    accuracy_fractions,
    standard_models,
)
from interpreting_clip.measures.effective_robustness import effective_robustness
from interpreting_clip.measures.logit_line import LogitLine, baseline_lines
from page.published_page import published_page
from page.results import PublishedResults
from page.robustness_tables import PUBLISHED_COLUMNS, published_rows
from page.vega import vega_script
from stages.published import COLUMNS, published_results
from tests.browser import HOSTILE, NARROW, excess_width, violations
from tests.reads import ROOT
from tests.unit.page.conftest import as_read, published_model, published_tables

SETTINGS = Settings(resamples=20, seed=0, confidence=0.95)

POINT = """([label, shift]) => {
  const marks = [...document.querySelectorAll("#chart-published path")];
  const known = (datum) => datum?.label === label && datum.shift === shift && datum.training;
  const box = marks.find((mark) => known(mark.__data__?.datum)).getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
"""Where a model's point is in the window."""


OTHERS = """document.querySelectorAll("main > section:not(#published-models)")
  .forEach((section) => section.remove());
document.querySelectorAll(".chart svg > *").forEach((one) => one.remove());"""
"""Removes what takes axe long: other sections, which have tests, and a chart's thousand points."""

LONE = "nllb-clip-large-siglip/v1"
"""A model whose point no other covers."""


def write_page(file: Path, result: dict[str, Any], tables: dict[str, list]) -> None:
    """Write a page of published models, with Vega beside it."""
    (file.parent / "vega.js").write_text(vega_script())
    file.write_text(published_page(msgspec.convert(result, PublishedResults), tables))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write the page of the models that are published."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        result, rows = published_results(SETTINGS)
        lines = {shift: LogitLine(**line) for shift, line in result["lines"].items()}
        rows["published"] = published_rows(
            standard_models(ROOT / TESTBED), rows["published_models"], lines
        )
        file = tmp_path_factory.mktemp("published") / "published.html"
        columns = {**COLUMNS, "published": PUBLISHED_COLUMNS}
        tables = {name: [as_read(row, columns[name]) for row in rows[name]] for name in rows}
        write_page(file, result, tables)
        yield file


@pytest.fixture
def section(file: Path, page: Page) -> Page:
    """Open the page and wait for its chart."""
    page.goto(file.as_uri())
    page.wait_for_function("window.charts && document.querySelector('#chart-published .marks')")
    page.evaluate("window.charts.published().then((view) => view.runAsync()).then(() => null)")
    return page


def column(page: Page, number: int) -> list[str]:
    """Return the texts of a column, counted from 1, as the table shows it."""
    return page.locator(f"#published-table tbody tr > :nth-child({number})").all_inner_texts()


def values(texts: list[str]) -> list[float]:
    """Return the leading numbers of cells, without those that have none."""
    signed = [text.replace("−", "-").rstrip("‡").split(" [")[0] for text in texts]
    return [float(text) for text in signed if text != "–"]


def names(page: Page) -> list[str]:
    return column(page, 1)


def count(page: Page) -> str:
    return page.locator("#published-count").inner_text()


def point(page: Page, label: str, shift: str) -> tuple[float, float]:
    page.locator("#chart-published").scroll_into_view_if_needed()
    x, y = page.evaluate(POINT, [label, shift])
    return x, y


def signal(page: Page, name: str) -> Any:
    """Return a signal of the chart once it has drawn what was asked of it."""
    return page.evaluate(
        f"charts.published().then((view) => view.runAsync().then(() => view.signal('{name}')))"
    )


def labels(page: Page) -> set[str]:
    """Return the models whose points the chart has."""
    found = page.evaluate(
        "charts.published().then((view) => view.runAsync()).then(() => "
        "[...document.querySelectorAll('#chart-published path')].map(m => m.__data__?.datum)"
        ".filter(datum => datum?.kind === 'encoder').map(datum => datum.label))"
    )
    return set(found)


def test_without_javascript_the_drawing_and_the_table_are_there(file: Path, browser: Browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("#published-table tbody tr").count() > 117 + 37
    assert page.locator("#chart-published svg").is_visible()
    assert page.locator("#published-models form:visible").count() == 0
    five, marked = column(page, 11), [text.endswith("‡") for text in column(page, 11)]
    ranks = [text for text in column(page, 2) if text != "–"]
    assert ranks == [str(rank) for rank in range(1, len(ranks) + 1)]
    assert set(column(page, 2)[len(ranks) :]) == {"–"} and marked.index(True) == len(ranks)
    known = values(five)
    assert set(five[len(known) :]) == {"–"}
    for some in (known[: len(ranks)], known[len(ranks) :]):
        assert some == sorted(some, reverse=True)
    context.close()


def test_without_vega_the_drawing_stays_and_the_table_works(
    file: Path, browser: Browser, tmp_path: Path
):
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    shutil.copy(file, tmp_path)
    page.goto((tmp_path / file.name).as_uri())
    page.locator("#published-filter [type=search]").fill("datacomp")
    assert 5 < len(names(page)) < 50 and page.locator("#chart-published svg").is_visible()
    assert errors == []
    page.close()


def test_a_column_sorts_both_ways_and_what_has_no_number_stands_last(section: Page):
    head = section.locator("#published-table [data-sort=objectnet]")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    texts = column(section, 9)
    assert values(texts) == sorted(values(texts), reverse=True)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    upwards = column(section, 9)
    assert values(upwards) == sorted(values(texts))
    for found in (texts, upwards):
        assert set(found[len(values(found)) :]) == {"–"}
    section.locator("#published-table [data-sort=name] button").click()
    assert names(section)[0].casefold() == min(map(str.casefold, names(section)))
    assert section.locator("#published-table [aria-sort=none]").count() == 11


def test_filters_leave_models_out_of_the_table_and_the_chart(section: Page):
    listed = len(names(section))
    section.get_by_label("zero-shot", exact=True).uncheck()
    section.get_by_label("supervised", exact=True).uncheck()
    assert set(column(section, 3)) == {"finetuned", "finetuned through ImageNet-12k"}
    assert count(section) == f"37 of {listed} models"
    section.locator("#published-filter [name=data]").select_option("WebLI")
    shown = names(section)
    assert len(shown) == 2 and all("webli" in name for name in shown)
    assert labels(section) == set(shown)


def test_every_supervised_model_is_there_on_demand(section: Page):
    section.get_by_label("all 960 supervised").check()
    assert count(section) == f"{117 + 37 + 960} of {117 + 37 + 960} models"
    assert "resnet50.tv_in1k" in names(section)
    assert "resnet50.a1_in1k" in labels(section)
    section.get_by_label("all 960 supervised").uncheck()
    assert "resnet50.a1_in1k" not in labels(section) and len(names(section)) < 200


def test_search_finds_datacomp_and_other_names_and_the_address_keeps_it(section: Page, file: Path):
    field = section.get_by_role("searchbox")
    field.fill("datacomp b-32")
    found = names(section)
    assert "ViT-B-32/datacomp_xl_s13b_b90k" in found
    # Its other name is ViT-B-32/datacomp_s_s13m_b4k.
    others = set(found) - {"ViT-B-32/commonpool_s_image_s13m_b4k"}
    assert all("datacomp" in name and "B-32" in name for name in others) and others != set(found)
    field.fill("b-32, datacomp,")
    assert names(section) == found
    field.fill("RN50-quickgelu/openai")
    assert names(section) == ["RN50/openai"]
    assert section.url.endswith("#published-models?q=RN50-quickgelu%2Fopenai")
    section.goto("about:blank")
    section.goto(f"{file.as_uri()}#published-models?q=datacomp")
    assert len(names(section)) > 5
    assert count(section).startswith(f"{len(names(section))} of ")


def test_shifts_are_shown_as_effective_robustness_on_demand(section: Page):
    section.locator("#published-unit [name=unit]").select_option("robustness")
    row = section.locator("#published-table tbody tr", has_text="ViT-B-32/openai").first
    cells = row.locator("td").all_inner_texts()
    assert np.mean(values(cells[4:9])) == pytest.approx(values([cells[9]])[0], abs=0.06)


def test_hovering_names_a_point_and_clicks_link_points_and_rows(section: Page):
    label = "ViT-L-14/datacomp_xl_s13b_b90k"
    section.mouse.move(*point(section, LONE, "ObjectNet"))
    tip = section.locator("#vg-tooltip-element.visible")
    for text in (
        LONE,
        "zero-shot",
        "ObjectNet",
        "51.8",
        "effective robustness",
        "mean, five shifts",
    ):
        expect(tip).to_contain_text(text)
    section.mouse.click(*point(section, LONE, "ObjectNet"))
    chosen = section.locator("#published-table tr.chosen")
    expect(chosen).to_have_count(1)
    assert chosen.locator("th").inner_text() == LONE
    expect(chosen).to_be_in_viewport()
    assert signal(section, "chosen") == LONE
    section.get_by_role("button", name=label, exact=True).press("Enter")
    assert chosen.locator("th").inner_text() == label
    assert chosen.get_by_role("button").get_attribute("aria-pressed") == "true"
    assert signal(section, "chosen") == label
    chosen.locator("td").first.click()
    expect(chosen).to_have_count(0)
    assert signal(section, "chosen") == ""


def fill(page: Page, accuracies: dict[str, str]) -> None:
    for name, value in accuracies.items():
        page.locator(f"#own-model [name={name}]").fill(value)


def test_the_readers_own_model_is_placed_in_the_table_the_ranking_and_the_chart(section: Page):
    known = next(m for m in section_models(section) if m[0] == "ViT-B-32/openai")
    accuracies: dict[str, str] = dict(
        zip(("imagenet", *TESTBED_SHIFTS), map(str, known[3]), strict=True)
    )
    fill(section, accuracies)
    row = section.locator("#published-table tr.own")
    theirs = section.locator("#published-table tbody tr", has_text="ViT-B-32/openai").first
    assert values(row.locator("td").all_inner_texts()[3:]) == pytest.approx(
        values(theirs.locator("td").all_inner_texts()[3:])
    )
    answer = section.locator("#own-model .answer")
    ranked = sum(text != "–" for text in column(section, 2))
    above = int(theirs.locator("td").first.inner_text()) - 1
    said = f"Of the {ranked} zero-shot models within the standard models' range, {above} are"
    expect(answer).to_contain_text(said)
    section.get_by_role("searchbox").fill("no such model")
    section.get_by_role("searchbox").fill("")
    expect(answer).to_contain_text(said)
    assert "your model" in labels(section) and "‡" not in answer.inner_text()
    for shift in ("objectnet", "imagenet_a"):
        fill(section, {shift: ""})
    assert row.locator("td").nth(10).inner_text() == row.locator("td").nth(9).inner_text() == "–"
    expect(answer).to_contain_text("by the mean over these 3 shifts")
    section.get_by_role("button", name="Clear").click()
    expect(row).to_have_count(0)
    assert "your model" not in labels(section)


def test_an_own_model_above_or_below_all_others_is_said_to_be(section: Page):
    for accuracy, said in (("99", "above all"), ("1", "below all")):
        fill(section, {"imagenet": "70", "imagenet_v2": accuracy})
        expect(section.locator("#own-model .answer")).to_contain_text(f"It is {said} 89 zero-shot")


def test_a_marked_row_comes_into_view_when_the_search_is_cleared(section: Page):
    field = section.get_by_role("searchbox")
    field.fill("RN50/cc12m")
    section.get_by_role("button", name="RN50/cc12m", exact=True).click()
    field.fill("")
    row, box = (
        section.locator(place).bounding_box()
        for place in ("#published-table tr.chosen", "#published-models .box")
    )
    assert row and box and box["y"] < row["y"] < box["y"] + box["height"]


def test_the_tooltip_keeps_its_own_colours_in_dark_mode(section: Page):
    section.emulate_media(color_scheme="dark")
    section.mouse.move(*point(section, LONE, "ObjectNet"))
    tip = section.locator("#vg-tooltip-element.visible")
    expect(tip).to_contain_text(LONE)
    style = "all => [...new Set(all.map(one => getComputedStyle(one)[%r]))]"
    rows, keys = tip.locator("tr"), tip.locator("td.key")
    assert rows.evaluate_all(style % "backgroundColor") == ["rgba(0, 0, 0, 0)"]
    assert keys.evaluate_all(style % "borderBottomWidth") == ["0px"]
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
    assert keys.evaluate_all(cut) == 0


def section_models(page: Page) -> list[list[Any]]:
    return json.loads(page.locator("#published-numbers").text_content() or "")["models"]


def test_an_own_model_beyond_the_lines_is_marked_and_what_is_no_percentage_refused(section: Page):
    fill(section, {"imagenet": "95", "imagenet_v2": "90"})
    expect(section.locator("#own-model .answer")).to_contain_text("‡ The line is extrapolated")
    alert = section.locator("#own-model [role=alert]")
    for typed, said in (
        ({"imagenet": "101"}, "ImageNet: expected a percentage from 0 to 100, got 101"),
        ({"imagenet": "0.76"}, "ImageNet: expected percent, not a fraction; is it 76?"),
        ({"imagenet": "70", "imagenet_r": "-1"}, "ImageNet-R: expected a percentage"),
    ):
        fill(section, typed)
        expect(alert).to_contain_text(said)
        expect(section.locator("#published-table tr.own")).to_have_count(0)
    fill(section, {"imagenet_r": "0"})
    expect(alert).to_be_empty()


def test_effective_robustness_in_the_browser_is_that_of_the_measure(section: Page):
    standard = standard_models(ROOT / TESTBED)
    shifts = {shift: accuracy_fractions(standard, shift) for shift in TESTBED_SHIFTS}
    lines, _ = baseline_lines(accuracy_fractions(standard, "imagenet"), shifts, 1, 0)
    rng = np.random.default_rng(0)
    points = [
        (str(rng.choice(TESTBED_SHIFTS)), float(x), float(y))
        for x, y in rng.uniform(0, 100, (100, 2))
    ]
    points += [("objectnet", x, y) for x in (0.0, 100.0) for y in (0.0, 100.0)]
    found = section.evaluate("all => all.map(one => published.robustness(...one))", points)
    expected = [effective_robustness(x / 100, y / 100, lines[shift]) for shift, x, y in points]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    beyond = section.evaluate("all => all.map(([s, x]) => published.isExtrapolated(s, x))", points)
    assert beyond == [lines[shift].is_extrapolated(x / 100) for shift, x, _ in points]


def test_everybody_can_read_the_section_and_it_fits_a_telephone(section: Page):
    section.evaluate(OTHERS)
    for scheme in ("light", "dark"):
        section.emulate_media(color_scheme=scheme)
        assert violations(section) == []
    section.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    assert excess_width(section) == 0
    box = section.locator("#published-models .box")
    box.evaluate("box => box.scrollTo(300, 0)")
    name, edge = (
        section.locator("#published-table tbody th").first.bounding_box(),
        box.bounding_box(),
    )
    assert name and edge and abs(name["x"] - edge["x"]) < 4


def test_a_hostile_name_stays_text(tmp_path: Path, page: Page):
    tables = published_tables(
        published_model(f"{HOSTILE}/openai", "zero_shot", 60.0, 9.0),
        published_model(HOSTILE, "supervised", 60.0, 1.0, HOSTILE),
    )
    lines = {
        shift: {
            "slope": 1.0,
            "intercept": 0.0,
            "r_squared": 1,
            "models": 3,
            "low": 0.3,
            "high": 0.9,
        }
        for shift in TESTBED_SHIFTS
    }
    other = {"encoders": {}, "joined": {f"{HOSTILE}/openai": [HOSTILE]}, "counterparts": {}}
    other |= {"leaders": [f"{HOSTILE}/openai"], "confidence": 0.95}
    write_page(tmp_path / "published.html", other | {"lines": lines, "timm_lines": lines}, tables)
    page.goto((tmp_path / "published.html").as_uri())
    page.wait_for_function("document.querySelector('#chart-published .marks')")
    assert page.locator("img").count() == 0 and len(names(page)) == 2
    page.mouse.move(*point(page, HOSTILE, "ImageNet-R"))
    expect(page.locator("#vg-tooltip-element.visible")).to_contain_text("<img src=x")
    page.mouse.click(*point(page, HOSTILE, "ImageNet-R"))
    assert page.locator("tr.chosen th").inner_text() == HOSTILE
