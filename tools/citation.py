"""How to cite this repository and the paper that it reproduces, from `CITATION.cff`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

CITATION = Path("CITATION.cff")


def cited_paper(citation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the article among the references: the paper that this repository reproduces."""
    return next(reference for reference in citation["references"] if reference["type"] == "article")


def bibtex(citation: Mapping[str, Any], commit: str, repository: str = "") -> str:
    """Return the entries of the software at a commit and of the paper, for a BibTeX file.

    Parameters
    ----------
    citation
        What `CITATION.cff` holds (Citation File Format 1.2.0).
    commit
        Which state of the software is cited; nothing was released under a version yet.
    repository
        Its URL, if known.
    """
    paper = cited_paper(citation)
    software = {
        "title": f"{{{citation['title']}}}",
        "author": " and ".join(map(author, citation["authors"])),
        "note": f"Commit {commit}",
        "url": repository,
    }
    article = {
        "title": f"{{{paper['title']}}}",
        "author": " and ".join(map(author, paper["authors"])),
        "journal": paper["journal"],
        "year": str(paper["year"]),
        "url": paper["url"],
    }
    return "\n\n".join(
        [entry("misc", "interpreting_clip", software), entry("article", "crabbe2024", article)]
    )


def entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    """Return an entry of a BibTeX file, without its empty fields."""
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def author(person: Mapping[str, str]) -> str:
    """Return an author's name: family name first, or an entity's name in braces, as one word."""
    if "name" in person:
        return f"{{{person['name']}}}"
    return f"{person['family-names']}, {person['given-names']}"
