"""The study's page in a browser, as it is in git: charts come alive, concepts are found."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.reads import ROOT
from tests.stress.page.conftest import NARROW, excess_width, violations

REPORT = ROOT / "plots/report.html"


@pytest.fixture
def report(page: Page) -> Page:
    page.goto(REPORT.as_uri())
    return page


def test_without_vega_the_pictures_stay_and_say_what_they_show(browser: Browser, tmp_path: Path):
    shutil.copy(REPORT, tmp_path)
    page = browser.new_page()
    page.goto((tmp_path / REPORT.name).as_uri())
    refused = page.evaluate("Object.values(window.charts)[0]().catch((error) => error.message)")
    assert "vega.js" in refused
    panels = page.locator(".chart[id] .panel")
    assert page.locator(".drawn > svg[role=img][aria-label]").count() == panels.count() > 0
    page.close()


def test_every_chart_comes_alive(report: Page):
    names = report.evaluate("Object.keys(window.charts)")
    assert len(names) > 8
    for name in names:
        report.evaluate("(name) => window.charts[name]().then(() => null)", name)
        assert report.locator(f"#chart-{name} svg.marks").count(), name


def test_the_first_screen_answers(report: Page):
    header = report.locator("header")
    assert header.locator(".insights li").count() == 3
    assert header.locator(".verdict").count() >= 3
    box = header.bounding_box()
    assert box and box["y"] + box["height"] <= 900


def test_directions_are_links_only_where_their_pages_are(page: Page, tmp_path: Path):
    file = shutil.copy(REPORT, tmp_path)
    shutil.copy(REPORT.with_name("vega.js"), tmp_path)
    names = page.locator("[data-page]")
    page.goto(Path(file).as_uri())
    page.wait_for_function("!document.querySelector('.probe')")
    assert names.count() and page.locator("[data-page][href]").count() == 0
    folder = tmp_path / str(names.first.get_attribute("data-page")).rpartition("/")[0]
    folder.mkdir(parents=True)
    (folder / "features.html").write_text("<p>")
    page.reload()
    page.wait_for_function("!document.querySelector('.probe')")
    expect(page.locator(f"[href^='directions/{folder.name}/']").first).to_be_attached()
    assert page.locator(".without-pages").is_hidden()


def test_concepts_are_found_by_name_and_by_category(report: Page):
    report.locator("#concept-finder summary").click()
    rows = report.locator("#concept-table tbody tr")
    every, field = rows.count(), report.get_by_role("searchbox", name="Concepts or categories")
    words = str(rows.first.get_attribute("data-words"))
    for typed, shown in (
        (words.upper(), 1),
        (f"nothing is called so, {words}, ", 1),
        ("nothing is called so", 0),
        ("", every),
    ):
        field.fill(typed)
        assert rows.filter(visible=True).count() == shown
        if typed:
            said = f"{shown} of {every} concepts"
            expect(report.locator("#found-concepts")).to_have_text(said)


def test_everybody_can_read_what_is_folded_too(report: Page):
    report.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
    # what a picture is drawn with counts for nobody but axe, whom it takes ten seconds
    report.eval_on_selector_all(".chart svg > *", "all => all.forEach(one => one.remove())")
    for scheme in ("light", "dark"):
        report.emulate_media(color_scheme=scheme)
        assert violations(report) == []
    assert excess_width(report) <= 0
    report.set_viewport_size(NARROW)
    assert excess_width(report) <= 0
