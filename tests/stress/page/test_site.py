"""`make site`: the whole documentation, strictly built, in a browser."""

import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.reads import ROOT
from tests.stress.page.conftest import NARROW, excess_width

PLACE = "http://site/"


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools", "build-site"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def open_search(page: Page) -> Locator:
    """Return the field of the search, opened by its shortcut.

    The site's script may begin to listen for it only after the page has loaded.
    """
    field = page.get_by_role("combobox", name="Search")
    for _ in range(120):
        page.keyboard.press("Control+k")
        page.wait_for_timeout(250)
        if field.is_visible():
            break
    return field


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository with pages of directions, which git does not have."""
    folder = tmp_path_factory.mktemp("repository")
    for entry in ROOT.iterdir():
        if entry.name not in (".git", ".scratch", "docs", "plots", "site"):
            (folder / entry.name).symlink_to(entry)
    copytree(ROOT / "docs", folder / "docs")
    copytree(ROOT / "plots", folder / "plots", ignore=ignore_patterns("rn_*", "vit_*"))
    for link in re.findall(
        r'href="(directions/[^"#]+)', (folder / "plots/report.html").read_text()
    ):
        (folder / "plots" / link).parent.mkdir(exist_ok=True)
        (folder / "plots" / link).write_text("<p>")
    return folder


@pytest.fixture(scope="module")
def site(repository: Path) -> Path:
    done = build(repository)
    assert done.returncode == 0, done.stderr
    return repository / "site"


def test_every_link_leads_to_a_file_and_an_element(site: Path):
    ids = {page: re.findall(r'\sid="([^"]+)', page.read_text()) for page in site.rglob("*.html")}
    assert len(ids) > 60
    for page in set(ids) - {*site.glob("plots/directions/**/*.html"), site / "404.html"}:
        for link in re.findall(r'\s(?:href|src)="([^"]+)"', page.read_text()):
            if urlsplit(link).scheme:
                continue
            address, element = urldefrag(link)
            target = (page.parent / unquote(address)).resolve() if address else page
            if target.is_dir():
                target /= "index.html"
            assert target.is_file(), (page, link)
            if element and target.parent.parent.name != "directions":
                assert unquote(element) in ids[target], (page, link)


def test_no_page_loads_from_elsewhere_and_the_search_finds(site: Path, browser: Browser):
    foreign: list[str] = []

    def answer(route: Route) -> None:
        url = route.request.url
        if url.startswith(PLACE):
            route.fulfill(path=site / unquote(urlsplit(url).path.lstrip("/")))
        else:
            foreign.append(url)
            route.abort()

    page = browser.new_page(color_scheme="dark")
    page.route("**/*", answer)
    page.set_viewport_size(NARROW)
    for file in sorted(site.rglob("*.html")):
        if "plots" not in file.parts:
            page.goto(f"{PLACE}{file.relative_to(site).as_posix()}")
            if excess_width(page) > 0:  # on a busy machine, scripts may still lay it out
                page.wait_for_timeout(2_000)
            assert excess_width(page) <= 0, file
    page.goto(f"{PLACE}index.html")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    search = open_search(page)
    for words in ("kurtosis", "pruning", "cka", "effective robustness", "directions"):
        search.fill(words)
        function = f"#interpreting_clip.{words.replace(' ', '_')}"
        first = page.get_by_role("option").first
        expect(first).to_have_attribute("href", re.compile(f"{function}$"), timeout=30_000)
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs/reference/api.html*")
    page.goto(f"{PLACE}docs/reference/api/head.html")
    returned = page.get_by_role("listitem").filter(has_text="float64, whatever the precision of")
    expect(returned).to_contain_text("Float[ndarray, 'class_ feature']")
    page.close()
    assert foreign == []


def test_a_link_to_no_heading_ends_the_build_and_is_named(repository: Path):
    document = repository / "docs/machine.md"
    text = document.read_text()
    document.write_text(f"{text}\n[more](arrays.md#nowhere)\n")
    done = build(repository)
    document.write_text(text)
    assert done.returncode == 1
    said = re.sub(r"\x1b\[[\d;]*m", "", done.stderr)
    assert "docs/machine.md" in said and "arrays.md#nowhere" in said and "Traceback" not in said
