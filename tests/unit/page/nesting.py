"""The tags of a page, for tests of its structure."""

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Nesting(HTMLParser):
    """Lists every tag, and those closed out of order, without raising."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[str] = []
        self.identifiers: list[str] = re.findall(r'\bid="([^"]+)"', html)
        self.links: list[str] = re.findall(r'(?:href|src)="([^"]*)"', html)
        self.loads = re.findall(r"<script[^>]*src|@import|<link|<iframe|<img", html)
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)
