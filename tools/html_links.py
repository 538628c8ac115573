"""The links of a folder of HTML pages: find those that lead nowhere, and replace some."""

import re
from collections.abc import Callable, Iterator
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from posixpath import normpath
from urllib.parse import unquote, urlsplit

ADDRESSES = ("href", "src", "poster", "data", "xlink:href")
"""Attributes that hold the address of a page, a picture or a script."""

LINK = re.compile(r"""<a\b(?P<before>[^<>]*?)\shref=(?P<quote>["'])(?P<to>.*?)(?P=quote)""")

WITHOUT = ' role="link" aria-disabled="true" title="Not part of this site" style="color: inherit"'
"""Replaces an address that is removed: the text stays, and is read out as a disabled link."""


class Page(HTMLParser):
    """The addresses that a page links to, and the names of its elements, to which others link.

    Scripts are not read: what they link to while the page is open is not known here.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.names: set[str] = set()
        self.title = ""
        self._in_title = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down an element's name and its links."""
        self._in_title = tag == "title" and not self.title
        for key, value in attrs:
            if value and key in ADDRESSES:
                self.addresses.append(value)
            if value and (key == "id" or (tag == "a" and key == "name")):
                self.names.add(value)

    def handle_endtag(self, tag: str) -> None:
        """Know where the page's title ends."""
        self._in_title = False

    def handle_data(self, data: str) -> None:
        """Take down the page's title."""
        if self._in_title:
            self.title += data


def linked_file(page: PurePosixPath, address: str) -> tuple[PurePosixPath, str] | None:
    """Return the file and the fragment that a page's address stands for, or None for other sites.

    `page` is the page's place in the folder, and so is what is returned; an address outside of the
    folder begins with `..`. An address that ends with a slash stands for the folder's `index.html`.
    """
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    if not parts.path:
        return page, unquote(parts.fragment)
    path = unquote(parts.path)
    if path.startswith("/"):
        # The host's root: this folder may lie anywhere below it.
        return PurePosixPath("..") / path.lstrip("/"), unquote(parts.fragment)
    place = PurePosixPath(normpath((page.parent / path).as_posix()))
    return place / "index.html" if path.endswith("/") else place, unquote(parts.fragment)


def dead_links(folder: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield the links of a folder's pages to files or elements that are not in it, by page.

    A fragment with `=` is the state of a page (`#sort=model`), not the name of an element.
    """
    pages = {
        PurePosixPath(file.relative_to(folder)): Page(file.read_text("utf-8"))
        for file in sorted(folder.rglob("*.html"))
    }
    for place, page in pages.items():
        for address in dict.fromkeys(page.addresses):
            found = linked_file(place, address)
            if found is None:
                continue
            file, fragment = found
            missing = file.parts[:1] == ("..",) or not (folder / file).is_file()
            named = not fragment or "=" in fragment or file not in pages
            if missing or not (named or fragment in pages[file].names):
                yield place, address


def with_links(
    html: str, page: PurePosixPath, replacement: Callable[[PurePosixPath], str | None]
) -> str:
    """Return a page with other links.

    `replacement` is asked for each file that the page links to: None keeps the link, an address
    takes its place, and with an empty one only the link's text is left.
    """

    def replaced(link: re.Match[str]) -> str:
        found = linked_file(page, unescape(link["to"]))
        address = None if found is None else replacement(found[0])
        if address is None:
            return link[0]
        rest = f' href="{escape(address)}"' if address else WITHOUT
        return f"<a{link['before']}{rest}"

    return LINK.sub(replaced, html)
