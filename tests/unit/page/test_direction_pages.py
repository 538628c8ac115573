import re
from dataclasses import replace
from html import unescape

import pytest

from interpreting_clip.datasets.broden.thumbnails import SIDE
from page.direction_pages import (
    browser_files,
    significant,
)
from page.names import direction_href
from tests.drawn_directions import draw_browser
from tests.unit.page.conftest import Tags

HOSTILE = "<script>alert(1)</script>&\"'{{ 7 * 7 }}\u2028"


def texts(files: dict[str, bytes]) -> dict[str, str]:
    return {name: data.decode() for name, data in files.items() if name.endswith(".html")}


def part(files: dict[str, bytes], href: str) -> str:
    """Return what a link of the report leads to."""
    file, _, anchor = href.removeprefix("directions/rn/").partition("#")
    page = files[file].decode()
    return page[page.index(f'id="{anchor}"') :].partition("</article>")[0]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    return draw_browser(tmp_path_factory.mktemp("thumbnails"), directions=123, features=130)


@pytest.fixture(scope="module")
def files(browser) -> dict[str, bytes]:
    return dict(browser_files(browser))


def test_pages_are_well_formed_link_to_what_is_there_and_are_the_same_twice(browser, files):
    pages = {name: Tags(text) for name, text in texts(files).items()}
    for name, page in pages.items():
        assert not page.wrong, name
        for target in page.links:
            file, _, anchor = target.partition("#")
            assert target == "../../report.html" or (file or name) in files, (name, target)
            assert not anchor or anchor in pages[file or name].identifiers, (name, target)
        assert not re.search(r"@import|url\(", texts(files)[name]), name
    assert dict(browser_files(browser)) == files


def test_what_is_shown_of_a_direction_or_feature_is_its_own(files, browser):
    for entry in browser.features:
        article = part(files, direction_href("rn", "features", entry.number))
        assert "Beyond the limit" in article and article.count("<img") == 8
    for entry in browser.directions:
        article = part(files, direction_href("rn", "directions", entry.number))
        for concept in entry.probed.concepts:
            assert f"<td>{concept.precision:.3f}" in article
        assert significant(entry.importance) in article and f"{entry.cosine:.2f}" in article
        assert f"features.html#feature-{entry.feature}" in article
        outlined = re.findall("Outlined in the images: <strong>(.*?)</strong>", article)
        assert outlined == [entry.probed.outlined_name] * (entry.probed.outlined is not None)
        for image in (*entry.probed.top, *entry.probed.bottom):
            assert f'alt="{", ".join(image.concepts) or "no labelled concept"}"' in article
        # A page has 100 directions, a sprite 20.
        page, row = divmod(entry.number - 1, 100)
        sheet = f"directions_{100 * page + 20 * (row // 20) + 1}.jpg"
        places = re.findall(r'src="(\S+)" style="object-position:-(\d+)px -(\d+)px"', article)
        top = str(SIDE * (row % 20))
        assert places == [(sheet, str(SIDE * column), top) for column in range(8)]


def test_names_from_outside_are_shown_as_text(tmp_path):
    browser = draw_browser(tmp_path, label=HOSTILE, name=HOSTILE.replace("{{ 7 * 7 }}", "{{{{}}}}"))
    for name, text in texts(dict(browser_files(browser))).items():
        assert "alert(1)</script>" not in text and "49" not in re.findall(r"<h1>.*", text)[0], name
        # the finder is on the index
        assert not Tags(text).wrong and text.count("<script") == (name == "index.html")
        assert unescape(re.findall(r"<title>.*?: (.*)</title>", text)[0]) == HOSTILE


def test_the_set_of_the_concepts_is_named(browser, files):
    coco = texts(dict(browser_files(replace(browser, concept_set="COCO"))))
    of_broden = [name for name, text in texts(files).items() if "outline in Broden" in text]
    assert of_broden
    for name in of_broden:
        assert "outline in COCO" in coco[name] and "outline in Broden" not in coco[name]
