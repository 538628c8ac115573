"""`make site`: the whole documentation, strictly built, in a browser."""

import re
import subprocess
import sys
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.reads import ROOT

CONFIGURATION = "zensical.toml"
PLACE = "http://site/"


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools", "build-site"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository with pages of directions, which git does not have."""
    folder = tmp_path_factory.mktemp("repository")
    for entry in ROOT.iterdir():
        if entry.name not in (".cache", ".git", ".scratch", "docs", "plots", "site", CONFIGURATION):
            (folder / entry.name).symlink_to(entry)
    copy(ROOT / CONFIGURATION, folder)
    copytree(ROOT / "docs", folder / "docs")
    copytree(ROOT / "plots", folder / "plots", ignore=ignore_patterns("rn_*", "vit_*"))
    for link in re.findall(
        r'data-page="(directions/[^"#]+)', (folder / "plots/report.html").read_text()
    ):
        (folder / "plots" / link).parent.mkdir(parents=True, exist_ok=True)
        (folder / "plots" / link).write_text("<p>")
    return folder


@pytest.fixture(scope="module")
def site(repository: Path) -> Path:
    done = build(repository)
    assert done.returncode == 0, done.stderr
    return repository / "site"


def test_every_link_leads_to_a_file_and_an_element(site: Path):
    ids = {page: re.findall(r'\sid="([^"]+)', page.read_text()) for page in site.rglob("*.html")}
    assert site / "reference/params.html" in ids
    for page in set(ids) - {*site.glob("plots/directions/**/*.html"), site / "404.html"}:
        for link in re.findall(r'\s(?:href|src)="([^"]+)"', page.read_text()):
            if urlsplit(link).scheme:
                continue
            address, element = urldefrag(link)
            target = (page.parent / unquote(address)).resolve() if address else page
            assert target.is_file(), (page, link)
            if element and target.parent.parent.name != "directions":
                assert unquote(element) in ids[target], (page, link)


def test_documents_are_links_on_the_site_only(site: Path):
    path = 'data-path="docs/measures.md#chance-levels"'
    assert path in (ROOT / "plots/report.html").read_text()
    page = (site / "plots/report.html").read_text()
    assert path not in page and 'href="../measures.html#chance-levels"' in page


def test_no_page_loads_from_elsewhere_and_the_search_finds(site: Path, browser: Browser):
    foreign: list[str] = []

    def answer(route: Route) -> None:
        url = route.request.url
        if url.startswith(PLACE):
            route.fulfill(path=site / unquote(urlsplit(url).path.lstrip("/")))
        else:
            foreign.append(url)
            route.abort()

    page = browser.new_page()
    page.route("**/*", answer)
    for file in sorted(site.rglob("*.html")):
        if "plots" not in file.parts:
            page.goto(f"{PLACE}{file.relative_to(site).as_posix()}")
    search = page.get_by_role("combobox", name="Search")
    for _ in range(120):  # the script may begin to listen only after the page has loaded
        page.keyboard.press("Control+k")
        page.wait_for_timeout(250)
        if search.is_visible():
            break
    search.fill("participation ratio")
    expect(page.get_by_role("option").first).to_be_visible(timeout=30_000)
    page.close()
    assert foreign == []
