"""Debian's Chromium for tests of pages, and what a reader must never find on one of them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

LOCAL = ("file:", "data:", "blob:")
"""The schemes of what a page may load: files beside it, and what lies in it."""

HOSTILE = "</script></style></title></svg><img src=x onerror=\"console.error('ran')\">'<!--<script>"
"""A legal label that becomes an element, and fails the test, where it is not escaped."""

NARROW = ViewportSize(width=390, height=844)
"""A telephone's window: `page.set_viewport_size(NARROW)`."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium for the tests of a file.

    Not for the whole session: until Playwright stops, its event loop runs in this thread, and what
    other tests call could not start one.
    """
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open an empty page; fail the test where an error is on it, or it loads from elsewhere.

    `page.goto(file.as_uri())` opens a file, `page.emulate_media(color_scheme="dark")` darkens it.
    """
    with watched_page(browser) as (page, complaints):
        yield page
    assert complaints == []


@contextmanager
def watched_page(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """Open an empty page, and list the errors on it, and what it loads from elsewhere."""
    complaints: list[str] = []

    def loads(request: Request) -> None:
        if not request.url.startswith(LOCAL):
            complaints.append(f"loads {request.url}")

    def says(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    context = browser.new_context(color_scheme="light", viewport={"width": 1280, "height": 900})
    context.on("request", loads)
    context.on("console", says)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    page = context.new_page()
    yield page, complaints
    context.close()


def violations(page: Page) -> list[str]:
    """Return the serious and critical violations that axe finds, each with its first element."""
    return [
        f"{each['id']}, {len(each['nodes'])} times: {each['nodes'][0]['html'][:200]}"
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def excess_width(page: Page) -> int:
    """Return by how many pixels a page is wider than its window, and so scrolls sideways."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
