"""`make site`: the pages and what they link to, in one folder."""

import shutil
from pathlib import Path

import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from tests.reads import ROOT
from tools import site

FIRST, SECOND = load_tree(ROOT / "params.yaml")["browse"]["encoders"][:2]


@pytest.fixture(autouse=True)
def _results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with small pages of a study, and directions of one of its encoders."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "CITATION.cff", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for file, content in {
        "plots/report.html": f'<a href="directions/{FIRST}/index.html#a">1</a> <a href="#top">2</a>'
        '<a href="../docs/measures.md">3</a><a href="https://a.org/none.html">4</a>',
        "plots/published.html": '<img src="published.svg"><a href="../README.md?a&amp;b">1</a>',
        "plots/published.svg": "<svg/>",
        "plots/vega.js": "charts()",
        "plots/kurtosis.csv": "encoder,kurtosis\nrn,2.5\n",
        f"plots/directions/{FIRST}/index.html": '<img src="a%20b.jpg">',
        f"plots/directions/{FIRST}/a b.jpg": "a picture",
        f"plots/directions/{SECOND}/old.html": "which no page links to",
        "docs/measures.md": "# Measures",
        "README.md": "# Read me",
        "metrics/encoders/rn.json": "{}",
    }.items():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(content)


def test_pages_what_they_link_to_and_their_data_are_there():
    site.main()
    found = {file.relative_to("site").as_posix() for file in Path("site").rglob("*.*")}
    expected = {file.as_posix() for file in Path().rglob("*.*") if file.parts[0] != "site"}
    assert found == expected - {f"plots/directions/{SECOND}/old.html"} | {"index.html"}
    index = Path("site/index.html").read_text()
    assert 'href="plots/report.html"' in index and 'href="plots/published.html"' in index


@pytest.mark.parametrize("missing", ["plots/report.html", "docs/measures.md"])
def test_what_is_missing_is_named_and_the_older_site_stays(missing):
    site.main()
    before = sorted(Path("site").rglob("*"))
    Path(missing).unlink()
    with pytest.raises(InputError, match=missing):
        site.main()
    assert sorted(Path("site").rglob("*")) == before


def test_a_newer_site_takes_the_place_of_an_older_one_and_of_nothing_else():
    site.main(to=Path("a/b"))
    Path("plots/kurtosis.csv").rename("plots/other.csv")
    site.main(to=Path("a/b"))
    assert Path("a/b/plots/other.csv").is_file() and not Path("a/b/plots/kurtosis.csv").exists()
    for place in ("docs", "params.yaml", "."):
        with pytest.raises(InputError, match="choose another folder"):
            site.main(to=Path(place))
    assert Path("docs/measures.md").is_file()
