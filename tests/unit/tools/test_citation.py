"""`CITATION.cff`, and the BibTeX that is made of it."""

import re
import tomllib

import pytest

from interpreting_clip.config.syntax import load_tree
from tests.reads import ROOT
from tools.citation import CITATION, bibtex, cited_paper

KEYS = {
    "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi",
    "identifiers", "keywords", "license", "license-url", "message", "preferred-citation",
    "references", "repository", "repository-artifact", "repository-code", "title", "type", "url",
    "version",
}  # fmt: skip
"""The keys of Citation File Format 1.2.0, schema.json; no other is legal."""

PAPER = ["Crabbé, Jonathan", "Rodríguez, Pau", "Shankar, Vaishaal", "Zappella, Luca", "Blaas, Arno"]


@pytest.fixture(scope="module")
def citation() -> dict:
    return load_tree(ROOT / CITATION)


def test_it_has_the_keys_that_the_format_asks_for_and_no_others(citation):
    assert {"authors", "cff-version", "message", "title"} <= citation.keys() <= KEYS
    assert citation["cff-version"] == "1.2.0"
    # An author is a person or an entity; an entity needs a name.
    assert all("name" in one or "family-names" in one for one in citation["authors"])
    for reference in citation["references"]:
        assert {"authors", "title", "type"} <= reference.keys()


def test_its_licence_is_that_of_the_package(citation):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["license"] == project["license"]


def test_the_paper_is_the_one_that_the_readme_names(citation):
    paper = cited_paper(citation)
    arxiv = re.search(r"arXiv\.(\d+\.\d+)$", paper["identifiers"][0]["value"])
    assert arxiv and arxiv[1] in (ROOT / "README.md").read_text()


def test_bibtex_has_an_entry_for_the_software_and_one_for_the_paper(citation):
    software, paper = bibtex(citation, "0123456789ab", "https://a.org/b").split("\n\n")
    assert "note = {Commit 0123456789ab}" in software and "url = {https://a.org/b}" in software
    # In its own braces, or BibTeX takes "contributors" for a family name.
    assert "author = {{interpreting-clip contributors}}" in software
    assert f"author = {{{' and '.join(PAPER)}}}" in paper and "year = {2024}" in paper
    for entry in (software, paper):
        assert entry.count("{") == entry.count("}")


def test_an_unknown_repository_has_no_field(citation):
    assert "url" not in bibtex(citation, "0123456789ab").split("\n\n")[0]
