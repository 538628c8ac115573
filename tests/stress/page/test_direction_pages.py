"""The direction browser in Chromium: links, the finder, no request that leaves its files."""

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from page.direction_pages import browser_files
from page.names import direction_href
from tests.drawn_directions import draw_browser
from tests.stress.page.conftest import NARROW, excess_width, violations

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a browser where the study has it, in the folder of the report."""
    plots = tmp_path_factory.mktemp("plots")
    (plots / "directions/rn").mkdir(parents=True)
    drawn = draw_browser(plots / "thumbnails", directions=120, features=130, concepts=12)
    for name, content in browser_files(drawn):
        (plots / "directions/rn" / name).write_bytes(content)
    (plots / "report.html").write_text("<title>The study</title>")
    return plots


@pytest.fixture(autouse=True)
def _on_a_telephone(page: Page) -> None:
    page.set_viewport_size(NARROW)


def test_a_deep_link_lands_on_its_direction(page: Page, pages: Path):
    page.goto((pages / direction_href("rn", "directions", 117)).as_uri().replace("%23", "#"))
    expect(page.get_by_role("heading", name="Direction 117", exact=True)).to_be_in_viewport()
    assert excess_width(page) == 0
    page.get_by_role("link", name="101", exact=True).click()
    assert page.locator("article:target").get_attribute("id") == "direction-101"
    assert page.locator("article:target img").count() == 8
    page.wait_for_function(
        "[...document.querySelectorAll('article:target img')].every(i => i.naturalWidth > 0)"
    )
    page.get_by_role("link", name="The study").click()
    expect(page).to_have_title("The study")


def test_the_finder_leaves_what_holds_the_concept(page: Page, pages: Path):
    page.goto((pages / "directions/rn/index.html").as_uri())
    assert excess_width(page) == 0
    rows, found = page.locator("table.directions tbody tr"), page.locator("table.found tbody tr")
    assert (rows.count(), found.count()) == (120, 12)
    page.get_by_role("searchbox").fill("CONCEPT 11")
    assert found.filter(visible=True).count() == 1
    shown = rows.filter(visible=True).count()
    assert 0 < shown < 120
    encoding = found.filter(visible=True).locator("td").nth(1).inner_text()
    said = re.findall(r"\d+", page.locator("#found").inner_text())
    assert said == [str(shown), "120", encoding, "1", "12"]
    page.get_by_role("searchbox").fill("no such concept")
    assert page.get_by_text("No concept of this name").is_visible()
    page.get_by_role("searchbox").fill("")
    assert rows.filter(visible=True).count() == 120
    found.first.get_by_role("link").first.click()
    expect(page.locator("article:target")).to_have_count(1)


def test_without_scripts_the_tables_are_there_and_no_finder(browser: Browser, pages: Path):
    page = browser.new_page(java_script_enabled=False)
    page.goto((pages / "directions/rn/index.html").as_uri())
    assert not page.get_by_role("searchbox").is_visible()
    assert page.locator("table.found tbody tr").last.is_visible()
    page.close()


@pytest.mark.parametrize(("name", "scheme"), [("index", "light"), ("directions_101", "dark")])
def test_pages_are_accessible(page: Page, pages: Path, name: str, scheme: Scheme):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto((pages / f"directions/rn/{name}.html").as_uri())
    assert violations(page) == []
