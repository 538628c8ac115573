"""`make site`, served over the loopback: every link is followed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urldefrag, urljoin

import pytest
import requests

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from tests.reads import ROOT
from tools import site
from tools.html_links import Page

STUDY = load_tree(ROOT / "params.yaml")
FIRST, SECOND = STUDY["browse"]["encoders"][:2]
WITHOUT = next(key for key in STUDY["encoders"] if key not in STUDY["browse"]["encoders"])


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep what is asked for out of the output of the tests."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder below the host's root, as GitHub Pages serves a project's."""
    handler = partial(Quiet, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{folder.name}/"
        server.shutdown()
        thread.join()


def followed(start: str) -> dict[str, bytes]:
    """Return all that links lead to from a page, by address; an address without content fails."""
    found: dict[str, bytes] = {}
    todo = [start]
    while todo:
        address = todo.pop()
        if address in found or not address.startswith(start):
            assert address in found or not address.startswith("http://127.0.0.1"), address
            continue
        answer = requests.get(address, timeout=10)
        answer.raise_for_status()
        found[address] = answer.content
        if answer.headers["Content-Type"].startswith("text/html"):
            links = Page(answer.content.decode()).addresses
            todo += [urldefrag(urljoin(address, link))[0] for link in links]
    return found


def write_directions(key: str, other: str) -> None:
    folder = Path("plots/directions") / key
    folder.mkdir(parents=True)
    (folder / "index.jpg").write_bytes(b"a picture")
    (folder / "index.html").write_text(
        f'<title>{key}</title><img src="index.jpg"><a href="../../report.html">The study</a>'
        f'<a href="../{other}/index.html#a">the same place</a><p id="a"></p>'
    )


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with small pages of a study, and directions of two of its encoders."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "CITATION.cff", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for file, content in {
        "plots/report.html": f'<title>A study</title><a href="directions/{FIRST}/index.html">1</a>'
        f'<a href="directions/{SECOND}/index.html">2</a><a href="kurtosis.csv">3</a>'
        '<a href="../docs/measures.md">4</a><a href="published.html#top">5</a>',
        "plots/published.html": '<title>Models</title><a id="top" href="report.html">1</a>',
        "plots/vega.js": "charts()",
        "plots/kurtosis.csv": "encoder,kurtosis\nrn,2.5\n",
        "docs/measures.md": "# Measures",
        f"metrics/encoders/{FIRST}.json": "{}",
    }.items():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(content)
    write_directions(FIRST, SECOND)
    write_directions(SECOND, FIRST)
    return tmp_path


def test_every_link_leads_somewhere_and_everything_is_reached(results, capsys):
    site.main()
    with served(results / "site") as start:
        found = followed(start)
    reached = {address.removeprefix(start) for address in found}
    assert {"report.html", "published.html", "kurtosis.csv", "CITATION.cff"} <= reached
    assert {f"directions/{key}/index.jpg" for key in (FIRST, SECOND)} <= reached
    assert f"metrics/encoders/{FIRST}.json" in reached
    files = {p.relative_to("site").as_posix() for p in Path("site").rglob("*") if p.is_file()}
    # The index stands for the folder, and charts load their script by themselves.
    assert files - reached == {"index.html", "vega.js"}
    assert "directions of 2 of" in capsys.readouterr().out


def test_the_index_names_what_there_is_and_how_to_cite_it(results):
    site.main("--repository", "https://a.org/b/")
    index = Page(html := Path("site/index.html").read_text())
    assert {"published.html", "report.html", f"directions/{FIRST}/index.html"} <= {*index.addresses}
    assert html.index("published.html") < html.index("report.html")
    assert "https://a.org/b" in index.addresses
    assert "@article{crabbe2024," in html and "Crabbé et al. (2024)" in html


def test_names_from_the_study_are_text_on_the_index(results):
    study, tree = Path("params.yaml").read_text(), load_tree(Path("params.yaml"))
    label, title = tree["encoders"][FIRST]["label"], tree["study"]["title"]
    hostile = study.replace(label, "<script>alert(1)</script>").replace(title, "<img src=x>")
    Path("params.yaml").write_text(hostile)
    site.main()
    html = Path("site/index.html").read_text()
    assert "<script" not in html and "x" not in Page(html).addresses
    assert "&lt;script&gt;alert(1)" in html and "&lt;img src=x&gt;" in html


def test_only_the_chosen_directions_are_there_and_links_to_others_are_text(results):
    site.main("--encoders", SECOND)
    assert [folder.name for folder in Path("site/directions").iterdir()] == [SECOND]
    report, own = Path("site/report.html"), Path(f"site/directions/{SECOND}/index.html")
    assert f"directions/{SECOND}/index.html" in Page(report.read_text()).addresses
    for page in (report, own):
        assert not any(FIRST + "/" in address for address in Page(page.read_text()).addresses)
        assert page.read_text().count("<a ") == page.read_text().count("</a>")


def test_pages_that_the_study_no_longer_asks_for_are_left_out(results):
    write_directions(WITHOUT, FIRST)
    site.main()
    assert {folder.name for folder in Path("site/directions").iterdir()} == {FIRST, SECOND}


def test_the_switch_between_encoders_has_those_that_are_there(results):
    listed = [
        {"key": key, "label": "<b>", "features": [[1, "features"]]} for key in (FIRST, SECOND)
    ]
    text = json.dumps({"perPage": 100, "encoders": listed}).replace("<", "\\u003c")
    site.SWITCH.write_text(f"window.encoders = {text};\n")
    site.main("--encoders", SECOND)
    script = Path("site/directions/encoders.js").read_text()
    name, _, value = script.strip().removesuffix(";").partition(" = ")
    assert name == "window.encoders" and "<" not in script
    assert json.loads(value) == {"perPage": 100, "encoders": [listed[1]]}


@pytest.mark.parametrize(
    ("commit", "address"),
    [
        ("0123456789ab", "https://a.org/b/tree/0123456789ab/docs/measures.md"),
        ("0 with changes", ""),
    ],
)
def test_links_to_files_of_the_repository_lead_to_the_commit_there(
    results, monkeypatch, commit, address
):
    monkeypatch.setattr(site, "commit", lambda: commit)
    site.main("--repository", "https://a.org/b")
    found = [a for a in Page(Path("site/report.html").read_text()).addresses if "measures" in a]
    assert found == [address] * bool(address)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("plots/published.html", "report.html: links to published.html#top"),
        ("plots/kurtosis.csv", "report.html: links to kurtosis.csv"),
        (f"plots/directions/{FIRST}/index.jpg", f"{FIRST}/index.html: links to index.jpg"),
        ("plots/report.html", "plots/report.html: no such file"),
        ("plots/vega.js", "plots/vega.js: no such file"),
    ],
)
def test_what_is_missing_is_named_and_the_older_site_stays(results, file, said):
    site.main()
    before = sorted(Path("site").rglob("*"))
    Path("site/report.html").write_text("the older one")
    Path(file).unlink()
    with pytest.raises(InputError) as error:
        site.main()
    assert said in str(error.value)
    assert Path("site/report.html").read_text() == "the older one"
    assert sorted(Path("site").rglob("*")) == before
    assert {path.name for path in Path.cwd().iterdir() if path.name.startswith(".")} == set()


def test_a_newer_site_takes_the_place_of_an_older_one(results):
    site.main()
    Path("plots/kurtosis.csv").rename("plots/other.csv")
    Path("plots/report.html").write_text("<title>A study</title>")
    site.main()
    assert Path("site/other.csv").is_file() and not Path("site/kurtosis.csv").exists()


@pytest.mark.parametrize("place", ["docs", "params.yaml", "."])
def test_nothing_else_is_replaced(results, place):
    with pytest.raises(InputError, match="choose another folder"):
        site.main("--to", place)
    assert Path("docs/measures.md").is_file() and Path("params.yaml").is_file()


def test_an_encoder_without_pages_is_refused_with_those_that_have_some(results):
    with pytest.raises(InputError) as error:
        site.main("--encoders", FIRST, WITHOUT)
    assert WITHOUT in str(error.value) and SECOND in str(error.value)
    assert not Path("site").exists()


def test_the_same_results_make_the_same_bytes(results):
    site.main("--to", "a")
    site.main("--to", "b/c")
    for file in (path for path in Path("a").rglob("*") if path.is_file()):
        assert (Path("b/c") / file.relative_to("a")).read_bytes() == file.read_bytes()


def test_the_pages_of_this_repository_make_a_site_without_their_directions(tmp_path, monkeypatch):
    """A clone has no pages of directions until it pulls or computes them."""
    monkeypatch.chdir(tmp_path)
    ignored = shutil.ignore_patterns("directions", "computed.js")
    for name in ("plots", "metrics", "data/arrays", "docs"):
        shutil.copytree(ROOT / name, name, ignore=ignored)
    for name in ("params.yaml", "CITATION.cff", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    site.main("--to", "public")
    with served(tmp_path / "public") as start:
        found = followed(start)
    assert f"{start}report.html" in found and b"directions/" in found[f"{start}report.html"]
    assert not any("/directions/" in address for address in found)
