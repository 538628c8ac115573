"""The README leads to every document, and so does the navigation of the site, which is its list."""

import re

from tests.reads import ROOT


def test_the_readme_leads_to_every_page_of_the_documentation():
    linked = set(re.findall(r"\]\((docs/[\w/]+\.md)", (ROOT / "README.md").read_text()))
    assert linked == {file.relative_to(ROOT).as_posix() for file in ROOT.glob("docs/**/*.md")}
