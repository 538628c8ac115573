"""Links of a folder of pages: those that lead nowhere, and those that are replaced."""

from pathlib import Path, PurePosixPath

import pytest

from tools.html_links import Page, dead_links, linked_file, with_links

PAGE = PurePosixPath("directions/rn/index.html")


def write(folder: Path, **pages: str) -> None:
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<!DOCTYPE html><title>A page</title>{body}")


@pytest.mark.parametrize(
    ("address", "file", "fragment"),
    [
        ("features.html#feature-3", "directions/rn/features.html", "feature-3"),
        ("../../report.html", "report.html", ""),
        ("../vit/", "directions/vit/index.html", ""),
        ("#top", "directions/rn/index.html", "top"),
        ("features.html?sort=model", "directions/rn/features.html", ""),
        ("a%20b.html", "directions/rn/a b.html", ""),
        ("../../../README.md", "../README.md", ""),
        ("/report.html", "../report.html", ""),
    ],
)
def test_an_address_stands_for_a_file_of_the_folder(address, file, fragment):
    assert linked_file(PAGE, address) == (PurePosixPath(file), fragment)


@pytest.mark.parametrize("address", ["https://a.org/b", "//a.org/b", "mailto:a@b", "data:,a"])
def test_addresses_of_other_sites_are_not_of_the_folder(address):
    assert linked_file(PAGE, address) is None


def test_the_names_and_the_title_of_a_page_are_known():
    page = Page(
        '<title>One &amp; two</title><h2 id="a">x</h2><a name="b"></a><svg><title>no</title>'
    )
    assert page.title == "One & two"
    assert page.names == {"a", "b"}


def test_dead_links_name_the_page_and_the_address(tmp_path):
    write(
        tmp_path,
        a='<a href="b.html#here">1</a><a href="b.html#there">2</a><img src="none.png">'
        '<a href="c.html">3</a><a href="#sort=model">4</a><a href="https://a.org/none">5</a>',
        b='<p id="here">x</p><a href="../outside.html">6</a><script src="gone.js"></script>',
    )
    (tmp_path.parent / "outside.html").write_text("")
    a, b = PurePosixPath("a.html"), PurePosixPath("b.html")
    assert set(dead_links(tmp_path)) == {
        (a, "b.html#there"),
        (a, "none.png"),
        (a, "c.html"),
        (b, "../outside.html"),
        (b, "gone.js"),
    }


def test_scripts_and_comments_have_no_links(tmp_path):
    write(tmp_path, a='<script>x = "<a href=none.html>";</script><!-- <a href="no.html"> -->')
    assert not list(dead_links(tmp_path))


def test_a_removed_link_leaves_its_text_and_its_other_attributes():
    html = (
        '<p><a class="pair" href="../vit/index.html" title="t">two</a> <a href="x.html">3</a></p>'
    )
    changed = with_links(html, PAGE, lambda file: "" if file.parts[1] == "vit" else None)
    assert 'href="../vit' not in changed and '<a href="x.html">3</a>' in changed
    assert 'class="pair"' in changed and ">two</a>" in changed
    assert 'aria-disabled="true"' in changed
    assert Page(changed).addresses == ["x.html"]


def test_an_address_is_replaced_and_escaped():
    def elsewhere(file: PurePosixPath) -> str | None:
        return 'https://a.org/?a=1&b="2"' if file.name == "x.html" else None

    assert Page(with_links("<a href='x.html'>1</a>", PAGE, elsewhere)).addresses == [
        'https://a.org/?a=1&b="2"'
    ]
