"""The study's page in a browser, as it is in git: charts come alive, concepts are found."""

import json
import re
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


@pytest.mark.parametrize("own", [True, False])
def test_the_page_says_when_it_was_computed_if_the_record_is_its_own(
    page: Page, tmp_path: Path, own: bool
):
    for file in (REPORT, REPORT.with_name("vega.js")):
        shutil.copy(file, tmp_path)
    record = {"date": "2024-10-04", "commit": "abc", "processor": "<b>One</b>"}
    digests = re.findall(r'data-digest="(\w{64})"', REPORT.read_text())
    record["digest"] = digests[0] if own else "0" * 64
    (tmp_path / "computed.js").write_text(f"window.computed = {json.dumps(record)};")
    page.goto((tmp_path / REPORT.name).as_uri())
    words = "made on 2024-10-04, at commit abc, on <b>One</b>" if own else "Not recorded"
    page.locator("#computed").scroll_into_view_if_needed()
    expect(page.locator("#computed")).to_contain_text(words)


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
    report.emulate_media(color_scheme="dark")
    report.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
    # what a picture is drawn with counts for nobody but axe, whom it takes ten seconds
    report.eval_on_selector_all(".chart svg > *", "all => all.forEach(one => one.remove())")
    assert violations(report) == []
    report.set_viewport_size(NARROW)
    assert excess_width(report) <= 0
