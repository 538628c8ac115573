"""`make site`: what Zensical gets, of a small tree; tests/stress builds the whole site."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from interpreting_clip.errors import InputError
from tests.reads import ROOT
from tools import build_site

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Notes\n", "[more](arrays.md#heads)"]},
        {
            "cell_type": "code",
            "source": ["1 + 1"],
            "outputs": [{"output_type": "execute_result", "data": {"text/plain": ["2"]}}],
        },
    ]
}


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a few documents and results."""
    monkeypatch.chdir(tmp_path)
    Path("tools").mkdir()
    for file in (build_site.SETTINGS, build_site.STYLE):
        shutil.copy(ROOT / file, file)
    for file, content in {
        "README.md": "# Title\n\n## Documentation\n\n* Start: [arrays](docs/arrays.md),\n"
        "  [a notebook](docs/notes.ipynb)\n* Results: [data](data/published/README.md)\n"
        "* Reference: [arrays](docs/arrays.md)\n"
        "* [Contributing](CONTRIBUTING.md)\n\n## Cite\n\n* [licence](LICENSE)\n",
        "CONTRIBUTING.md": "[a module](stages/kurtosis.py), [paper](https://a.org/none.md)",
        "LICENSE": "Apache",
        "params.yaml": "browse: {encoders: [rn]}",
        "pyproject.toml": '[project.urls]\nRepository = "https://host/owner/name"',
        "stages/kurtosis.py": "",
        "docs/arrays.md": "[the notebook](notes.ipynb) [page](../plots/report.html#top)",
        "docs/notes.ipynb": json.dumps(NOTEBOOK),
        "data/published/README.md": "[sources](.)",
        "plots/report.html": '<a href="directions/rn/index.html#a">1</a><a href="#top">2</a>'
        '<a href="../docs/arrays.md#heads">3</a><a href="../README.md">4</a>',
        "plots/published.html": '<a href="kurtosis.csv">',
        "plots/kurtosis.csv": "encoder,kurtosis\nrn,2.5\n",
        "plots/directions/rn/index.html": "<p>",
        "plots/directions/removed/index.html": "<p>",
    }.items():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(content)


def test_links_lead_to_pages_to_results_and_to_the_repository():
    build_site.stage(pages := Path("staged/pages"))
    assert (pages / "docs/arrays.md").read_text() == (
        "[the notebook](notes.md) [page](../plots/report.html#top)"
    )
    repository = "https://host/owner/name/blob/main"
    assert (pages / "CONTRIBUTING.md").read_text() == (
        f"[a module]({repository}/stages/kurtosis.py), [paper](https://a.org/none.md)"
    )
    assert f"]({repository}/data/published)" in (pages / "data/published/README.md").read_text()
    report = (pages / "plots/report.html").read_text()
    assert 'href="directions/rn/index.html#a"' in report and 'href="#top"' in report
    assert 'href="../docs/arrays.html#heads"' in report and 'href="../index.html"' in report


def test_only_results_of_the_study_are_there():
    build_site.stage(pages := Path("staged/pages"))
    copied = {file.relative_to(pages).as_posix() for file in pages.glob("plots/**/*.*")}
    assert copied == {
        *("plots/report.html", "plots/published.html", "plots/kurtosis.csv"),
        "plots/directions/rn/index.html",
    }


def test_code_in_a_list_stays_in_it():
    Path("docs/arrays.md").write_text("1. one\n\n   ```\n   a\n   ```\n\n```\n   b\n```\n")
    build_site.stage(pages := Path("staged/pages"))
    assert (pages / "docs/arrays.md").read_text() == (
        "1. one\n\n    ```\n    a\n    ```\n\n```\n   b\n```\n"
    )


def test_a_notebook_is_a_page():
    build_site.stage(pages := Path("staged/pages"))
    assert (pages / "docs/notes.md").read_text() == (
        "# Notes\n[more](arrays.md#heads)\n\n```python\n1 + 1\n```\n\n```\n2\n```"
    )


def test_the_navigation_is_the_readme_s_list():
    build_site.stage(Path("staged/pages"))
    navigation = yaml.safe_load(Path("staged/mkdocs.yml").read_text())["nav"]
    sections = {
        name: pages
        for entry in navigation
        if isinstance(entry, dict)
        for name, pages in entry.items()
    }
    assert sections["Start"] == ["docs/arrays.md", "docs/notes.md"]
    assert sections["Results"][-1] == "data/published/README.md"
    assert {"The study's page": "plots/report.html"} in sections["Results"]
    assert "docs/reference/api.md" in sections["Reference"]
    assert "CONTRIBUTING.md" in navigation


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ("plots/report.html", "make repro"),
        ("plots/directions/rn/index.html", "make repro"),
        ("stages/kurtosis.py", "correct the link"),
    ],
)
def test_what_is_missing_is_named(missing, advice):
    Path(missing).unlink()
    with pytest.raises(InputError, match=f"{missing}.*{advice}"):
        build_site.stage(Path("staged/pages"))


@pytest.mark.parametrize("place", ["docs", "params.yaml", "."])
def test_no_other_folder_is_replaced(place):
    with pytest.raises(InputError, match="choose another folder"):
        build_site.main(to=Path(place))
    assert Path("docs/arrays.md").is_file()
