import re
from html import unescape

import numpy as np
import pytest

from interpreting_clip.browser.direction_pages import Home, browser_files, direction_href, tile
from interpreting_clip.datasets.broden.thumbnails import GRID, SIDE
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
    return dict(browser_files("an encoder", browser))


def test_pages_are_well_formed_link_to_what_is_there_and_are_the_same_twice(browser, files):
    pages = {name: Tags(text) for name, text in texts(files).items()}
    for name, page in pages.items():
        assert not page.wrong, name
        for target in page.links:
            file, _, anchor = target.partition("#")
            assert target == "../../report.html" or (file or name) in files, (name, target)
            assert not anchor or anchor in pages[file or name].identifiers, (name, target)
        assert not re.search(r"@import|url\(", texts(files)[name]), name
    assert dict(browser_files("an encoder", browser)) == files


@pytest.mark.parametrize("basis", ["directions", "features"])
def test_what_is_shown_of_a_direction_or_feature_is_its_own(files, browser, basis):
    other = "features" if basis == "directions" else "directions"
    for entry in getattr(browser, basis):
        article = part(files, direction_href("rn", basis, entry.number))
        for pair in entry.concepts:
            link = f'<a href="index.html#concept-{pair.concept}">{pair.name}</a>'
            assert f">{'−' * pair.negative}{link} {pair.precision:.3f}" in article
        share, cosine, nearest = map(entry.facts.__getitem__, ("share", "cosine", "nearest"))
        text = f"{100 * share:.2g} % of the sum"
        if basis == "features":
            text = f"Extreme in {100 * share:.1f} % of the images"
        assert text in article and f"|cos| {cosine:.2f}" in article
        assert direction_href("", other, nearest).rpartition("/")[2] in article
        outlined = re.findall(r"Outlined: (.*?)\.</p>", article)
        assert outlined == ([entry.outlined.name] if entry.outlined else [])
        names = [browser.names.get(image, "no labelled concept") for image in entry.images]
        assert re.findall('alt="(.*?)"', article) == names
        places = re.findall(r'src="(\S+)" style="object-position:-(\d+)px -(\d+)px"', article)
        sprite = f"{basis}_{entry.number}.jpg"
        assert places == [(sprite, str(SIDE * x), str(y)) for y in (0, SIDE) for x in range(4)]
        assert sprite in files


def test_an_outline_is_white_inside_a_mask_and_black_around_it():
    mask = np.zeros((GRID, GRID), np.bool_)
    mask[8:24, 8:24] = True  # rows 24 to 71 and columns 12 to 35 of the image
    found = np.asarray(tile(np.full((SIDE, SIDE // 2, 3), 90, np.uint8), mask))
    known = np.full((SIDE, SIDE, 3), 128)  # the image is in the middle of a grey square
    known[:, 24:72] = 90
    for margin, colour in ((-1, 0), (0, 255), (1, 90)):
        known[24 + margin : 72 - margin, 36 + margin : 60 - margin] = colour
    np.testing.assert_array_equal(found, known)


def test_names_from_outside_are_shown_as_text(tmp_path):
    browser = draw_browser(tmp_path, name=HOSTILE.replace("{{ 7 * 7 }}", "{{{{}}}}"))
    for name, text in texts(dict(browser_files(HOSTILE, browser))).items():
        assert "alert(1)</script>" not in text and "› <script" not in text, name
        # the search is on the index
        assert not Tags(text).wrong and text.count("<script") == (name == "index.html")
        assert unescape(re.findall(r"<title>.*?: (.*)</title>", text)[0]) == HOSTILE


def test_pages_of_photographs_lead_to_their_report(browser):
    home = Home("../index.html", HOSTILE, "images", "the command")
    for name, text in texts(dict(browser_files("mine", browser, home))).items():
        assert re.findall('href="(../[^"]*)"', text) == ["../index.html"], name
        assert unescape(re.findall(r'index.html">(.*)</a> › mine', text)[0]) == HOSTILE
        assert '<meta name="generator" content="the command">' in text and "ImageNet" not in text


def test_pages_name_the_features_that_are_no_outliers(tmp_path):
    browser = draw_browser(tmp_path, outliers=0)
    pages = texts(dict(browser_files("an encoder", browser)))
    assert "no outlier feature" in pages["features.html"]
    assert "nearest outlier feature" not in pages["directions_1.html"]
