"""Links between the documents lead somewhere, and the README leads to every document."""

import re

import pytest

from tests.reads import ROOT, anchors

DOCUMENTS = sorted(
    file.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "data/*/*.md")
    for file in ROOT.glob(pattern)
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading(document):
    file = ROOT / document
    links = re.findall(r"\]\(([^)\s]+)\)", file.read_text())
    for link in (one for one in links if not re.match(r"https?:|mailto:", one)):
        path, _, anchor = link.partition("#")
        target = (file.parent / path) if path else file
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_page_of_the_documentation():
    linked = set(re.findall(r"\]\((docs/[\w/]+\.md)", (ROOT / "README.md").read_text()))
    assert linked == {document for document in DOCUMENTS if document.startswith("docs/")}
