import re
from html import unescape

import pytest

from interpreting_clip.datasets.broden.thumbnails import SIDE
from page.direction_pages import browser_files, significant
from page.links import direction_href
from tests.drawn_directions import browser_of, draw_browser
from tests.unit.page.test_report_page import Nesting

HOSTILE = "<script>alert(1)</script>&\"'{{ 7 * 7 }}\u2028"


def files_of(browser) -> dict[str, bytes]:
    return dict(browser_files(browser))


def texts(files: dict[str, bytes]) -> dict[str, str]:
    return {name: data.decode() for name, data in files.items() if name.endswith(".html")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    return draw_browser(tmp_path_factory.mktemp("thumbnails"), directions=123, features=130)


@pytest.fixture(scope="module")
def files(browser) -> dict[str, bytes]:
    return files_of(browser)


def test_every_link_leads_to_what_is_there(files):
    pages = texts(files)
    ids = {name: set(re.findall(r' id="([^"]+)"', text)) for name, text in pages.items()}
    for name, text in pages.items():
        for target in re.findall(r'(?:href|src)="([^"]+)"', text):
            file, _, anchor = target.partition("#")
            assert target == "../../report.html" or (file or name) in files, (name, target)
            assert not anchor or anchor in ids[file or name], (name, target)


@pytest.mark.parametrize("number", [1, 100, 101])
def test_the_report_finds_a_direction(files, number):
    file, _, anchor = direction_href("rn", "directions", number).partition("#")
    assert file.startswith("directions/rn/")
    assert f'id="{anchor}"' in files[file.removeprefix("directions/rn/")].decode()


def test_the_report_finds_every_feature_that_encodes_a_concept(files, browser):
    assert browser.others
    for entry in browser.others:
        href = direction_href("rn", "features", entry.number, examined=False)
        file, _, anchor = href.partition("#")
        page = files[file.removeprefix("directions/rn/")].decode()
        article = page[page.index(f'id="{anchor}"') :].partition("</article>")[0]
        assert "Beyond the limit" not in article and article.count("<img") == 8


def test_a_concept_of_a_direction_leads_to_all_directions_that_encode_it(files, browser):
    index, page = (files[name].decode() for name in ("index.html", "directions_1.html"))
    concept = browser.directions[0].probed.concepts[0]
    assert f'href="index.html#concept-{concept.number}">{concept.name}</a>' in page
    row = index[index.index(f'<tr id="concept-{concept.number}"') :].partition("</tr>")[0]
    known = next(one for one in browser.concepts if one.number == concept.number)
    assert len(re.findall("#direction-", row)) == max(known.encoding, 1)


def test_what_is_outlined_is_encoded_or_the_page_says_why_nothing_is(files, browser):
    page = files["directions_1.html"].decode() + files["directions_101.html"].decode()
    for entry in browser.directions:
        article = page[page.index(f'id="direction-{entry.number}"') :].partition("</article>")[0]
        encoded = {c.name for c in entry.probed.concepts if c.encoded}
        outlined = re.search("Outlined in the images: <strong>(.*?)</strong>", article)
        assert outlined is None or outlined[1] in encoded
        assert ("Nothing is outlined" in article) is (outlined is None)


def test_pages_are_well_formed_and_ask_for_nothing_outside(files):
    for name, text in texts(files).items():
        nesting = Nesting(text)
        assert not nesting.wrong and not nesting.open, name
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//|@import|url\(", text), name


def test_what_is_shown_of_a_direction_is_its_own(files, browser):
    page = files["directions_1.html"].decode()
    for entry in browser.directions[:3]:
        article = page[page.index(f'id="direction-{entry.number}"') :].partition("</article>")[0]
        for concept in entry.probed.concepts:
            assert f"<td>{concept.precision:.3f}</td>" in article
        assert article.count("<img") == 8
        assert significant(entry.importance) in article and f"{entry.cosine:.2f}" in article
        below = [concept for concept in entry.probed.concepts if not concept.encoded]
        assert article.count('class="below"') == len(below)
        assert f"features.html#feature-{entry.feature}" in article
        positions = [int(x) for x in re.findall(r"object-position:-(\d+)px", article)]
        assert positions == [SIDE * place for place in range(8)]
        for image in (*entry.probed.top, *entry.probed.bottom):
            assert f'alt="{", ".join(image.concepts) or "no labelled concept"}"' in article


def test_the_rows_of_a_sprite_are_those_of_the_page(files, browser):
    page = files["directions_101.html"].decode()
    places = re.findall(r'src="(directions_\d+\.jpg)" style="object-position:-0px -(\d+)px"', page)
    rows = [(f"directions_{101 + 20 * (i // 20)}.jpg", str(SIDE * (i % 20))) for i in range(23)]
    assert places == rows


def test_names_from_outside_are_shown_as_text(tmp_path):
    browser = draw_browser(tmp_path, label=HOSTILE, name=HOSTILE.replace("{{ 7 * 7 }}", "{{{{}}}}"))
    for name, text in texts(files_of(browser)).items():
        assert "alert(1)</script>" not in text and "49" not in re.findall(r"<h1>.*", text)[0], name
        tags = Nesting(text)
        assert not tags.wrong
        # the switch between encoders is on all pages, the finder on the index
        scripts = [tag for tag, _ in tags.tags].count("script")
        assert scripts == (2 if name == "index.html" else 1)
        assert unescape(re.findall(r"<title>.*?: (.*)</title>", text)[0]) == HOSTILE


def test_the_same_results_give_the_same_bytes(browser, files):
    assert files_of(browser) == files


def test_without_probe_images_directions_are_listed_all_the_same():
    files = files_of(browser_of(None, label="rn", directions=5, features=8, outliers=0))
    assert set(files) == {"index.html", "directions_1.html", "features.html"}
    for text in texts(files).values():
        assert "no images with segmented concepts" in text and "<img" not in text
    assert files["directions_1.html"].count(b"<article") == 5
    assert b"no outlier feature" in files["features.html"]
