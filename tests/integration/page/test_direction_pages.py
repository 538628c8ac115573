"""The direction browser in Chromium: links, the finder, no request that leaves its files."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from page.direction_pages import browser_files
from page.links import direction_href
from tests.drawn_directions import draw_browser

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a browser where the study has it, in the folder of the report."""
    plots = tmp_path_factory.mktemp("plots")
    folder = plots / "directions/rn"
    folder.mkdir(parents=True)
    drawn = draw_browser(
        tmp_path_factory.mktemp("thumbnails"), directions=120, features=130, concepts=12
    )
    for name, content in browser_files(drawn):
        (folder / name).write_bytes(content)
    (plots / "report.html").write_text("<title>The study</title>")
    return plots


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """Lend a test a page of a phone's width, and fail on any message or request of its own."""
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(request.url))
    page.on(
        "request",
        lambda request: None if request.url.startswith("file:") else said.append(request.url),
    )
    yield page
    page.close()
    assert said == []


def fits(page: Any) -> bool:
    """Say whether a page needs no horizontal scrolling."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_deep_link_lands_on_its_direction(page, pages):
    page.goto((pages / direction_href("rn", "directions", 117)).as_uri().replace("%23", "#"))
    heading = page.get_by_role("heading", name="Direction 117", exact=True)
    box = heading.bounding_box()
    assert box and 0 <= box["y"] < 800
    assert page.locator("article:target").count() == 1
    assert fits(page)
    page.get_by_role("link", name="101", exact=True).click()
    assert page.locator("article:target").get_attribute("id") == "direction-101"
    images = page.locator("article:target img")
    page.wait_for_function(
        "[...document.querySelectorAll('article:target img')].every(i => i.naturalWidth > 0)"
    )
    assert images.count() == 8
    page.get_by_role("link", name="The study").click()
    assert page.title() == "The study"


def test_the_finder_leaves_what_holds_the_concept(page, pages):
    page.goto((pages / "directions/rn/index.html").as_uri())
    assert fits(page)
    rows, found = page.locator("table.directions tbody tr"), page.locator("table.found tbody tr")
    assert (rows.count(), found.count()) == (120, 12)
    page.get_by_role("searchbox").fill("CONCEPT 11")
    assert found.filter(visible=True).count() == 1
    shown = rows.filter(visible=True).count()
    assert 0 < shown < 120
    encoding = found.filter(visible=True).locator("td").nth(1).inner_text()
    said = re.findall(r"\d+", page.locator("#found").inner_text())
    assert said == [str(shown), "120", encoding, "1", "12"]
    assert page.locator("#searched").is_visible()
    page.get_by_role("searchbox").fill("no such concept")
    assert page.get_by_text("No concept of this name").is_visible()
    page.get_by_role("searchbox").fill("")
    assert rows.filter(visible=True).count() == 120
    found.first.get_by_role("link").first.click()
    assert page.locator("article:target").count() == 1


def test_without_scripts_the_tables_are_there_and_no_finder(chromium, pages):
    page = chromium.new_page(java_script_enabled=False)
    page.goto((pages / "directions/rn/index.html").as_uri())
    assert not page.get_by_role("searchbox").is_visible()
    assert page.locator("table.found tbody tr").last.is_visible()
    page.close()


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("index", "light"), ("index", "dark"), ("directions_101", "light"), ("features", "dark")],
)
def test_pages_are_accessible(chromium, pages, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = chromium.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page.goto((pages / f"directions/rn/{name}.html").as_uri())
    violations = axe.run(page).response["violations"]
    page.close()
    assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == []
