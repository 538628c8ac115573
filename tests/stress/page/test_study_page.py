"""The study's page in a browser, as it is in git: charts come alive, concepts are found."""

import io
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

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


TOLD = """async (name) => {
  const folds = (one) => one && (one.open = true, folds(one.parentElement.closest("details")));
  folds(document.querySelector(`#chart-${name}`).closest("details"));
  document.querySelector(`#chart-${name}`).scrollIntoView();
  await window.charts[name]();
  const told = document.querySelectorAll(`#chart-${name} path, #chart-${name} text`);
  for (const mark of [...told].reverse()) {
    const { x, y, width, height } = mark.getBoundingClientRect();
    const at = { clientX: x + width / 2, clientY: y + height / 2, bubbles: true };
    mark.dispatchEvent(new PointerEvent("pointermove", at));
    mark.dispatchEvent(new MouseEvent("mousemove", at));
    mark.dispatchEvent(new MouseEvent("mouseover", at));
    const shown = document.querySelector("#vg-tooltip-element.visible");
    if (width && height && shown) return shown.innerText;
  }
}"""


def test_every_chart_answers_a_pointer_in_words(report: Page):
    names = report.evaluate("Object.keys(window.charts)")
    assert len(names) > 8
    for name in names:
        told = report.evaluate(TOLD, name)
        assert re.search(r"\d", told) and "_" not in told.replace("attention_pool", ""), name


def test_a_chart_is_one_svg_for_a_file_without_variables(report: Page):
    text = report.evaluate("window.charts.effective_robustness().then(chart => chart.toSvg())")
    drawn = "".join(ElementTree.fromstring(text).itertext())  # noqa: S314
    assert "var(" not in text and "synthetic ImageNet-R" in drawn and "ViT supervised" in drawn


PROSE = """() => {
  const none = "table, .chart, .legend, script, style, svg";
  document.querySelectorAll(none).forEach((one) => one.remove());
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  return document.body.innerText;
}"""


def test_the_page_stays_short(report: Page):
    words = [word for word in report.evaluate(PROSE).split() if re.search(r"\w", word)]
    assert 1000 < len(words) <= 4000


def is_shaded(place: Locator) -> bool:
    """Return whether the upper right corner of a table has another colour than the page."""
    with Image.open(io.BytesIO(place.screenshot())) as picture:
        return picture.convert("RGB").getpixel((picture.width - 2, 2)) != (255, 255, 255)


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_is_cut_without_a_cue(report: Page, width: int):
    report.set_viewport_size({"width": width, "height": 900})
    assert excess_width(report) <= 0
    assert (
        report.evaluate("(nav => nav.scrollWidth - nav.clientWidth)(document.querySelector('nav'))")
        <= 0
    )
    cut = "place => place.scrollWidth > place.clientWidth + 1"
    for place in report.locator(".scroll:visible").all()[:8]:
        assert is_shaded(place) == place.evaluate(cut)
        place.evaluate("place => { place.scrollLeft = place.scrollWidth; }")
        assert not is_shaded(place)


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
