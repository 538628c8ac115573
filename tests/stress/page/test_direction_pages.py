"""The pages of directions in Chromium: links, the search, no request that leaves their files."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from interpreting_clip.browser.direction_entries import LoneFeature, make_browser
from interpreting_clip.browser.direction_pages import Home, browser_files, direction_href
from tests.drawn_directions import draw_browser, draw_results
from tests.stress.page.conftest import NARROW, excess_width, violations


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a browser where the study has it, in the folder of the report."""
    plots = tmp_path_factory.mktemp("plots")
    (plots / "directions/rn").mkdir(parents=True)
    drawn = draw_browser(plots / "thumbnails", directions=120, features=130, concepts=12)
    for name, content in browser_files("an encoder", drawn):
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
    assert page.locator("article:target img").count() == 8
    page.wait_for_function(
        "[...document.querySelectorAll('article:target img')].every(i => i.naturalWidth > 0)"
    )
    page.get_by_role("link", name="The study").click()
    expect(page).to_have_title("The study")


def test_the_search_leaves_what_holds_the_concept(page: Page, pages: Path):
    page.goto((pages / "directions/rn/index.html").as_uri())
    assert excess_width(page) == 0
    rows = page.locator("section:has(#directions) tbody tr")
    found = page.locator("section:has(#concepts) tbody tr")
    assert (rows.count(), found.count()) == (120, 12)
    page.get_by_role("searchbox").fill("CONCEPT 11")
    assert found.filter(visible=True).count() == 1
    shown = rows.filter(visible=True).count()
    assert 0 < shown < 120
    expect(page.get_by_role("status")).to_have_text(f"Directions: {shown}. Concepts: 1.")
    page.get_by_role("searchbox").fill("")
    assert rows.filter(visible=True).count() == 120
    found.first.get_by_role("link").first.click()
    expect(page.locator("article:target")).to_have_count(1)


def test_pages_without_a_head_are_accessible_and_searched(page: Page, tmp_path: Path):
    _, axes, probe = draw_results(tmp_path / "thumbnails")
    features = [LoneFeature(one.feature, one.share, one.outlier) for one in axes]
    home = Home("report.html", "Measures", "images", "the command")
    for name, content in browser_files("mine", make_browser(None, features, probe), home):
        (tmp_path / name).write_bytes(content)
    for name in ("features", "index"):
        page.goto((tmp_path / f"{name}.html").as_uri())
        assert violations(page) == [] and excess_width(page) == 0
    page.get_by_role("searchbox").fill("concept 7")
    expect(page.get_by_role("status")).to_contain_text("Concepts: 1.")
    expect(page.get_by_role("status")).to_contain_text("Features: ")


@pytest.mark.parametrize("name", ["index", "directions_101", "features"])
def test_pages_are_accessible(page: Page, pages: Path, name: str):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="dark")
    page.goto((pages / f"directions/rn/{name}.html").as_uri())
    assert violations(page) == []
