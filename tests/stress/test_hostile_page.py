"""The study's page and that of `make plots` in a browser, with labels that would be elements."""

import shutil
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page

from interpreting_clip.formats.json import write_json
from runner.outputs import write_checksums
from tests.browser import (
    HOSTILE,
    NARROW,
    broken_links,
    excess_width,
    violations,
)
from tests.pipeline.workspace import NANO, Workspace
from tests.reads import ROOT, run_stage, seal
from tests.unit.page.conftest import made_up_study
from tools.offline_plots import write_offline_template
from tools.outcome import record

PLOTS = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]


def hostile_study() -> dict:
    """Return a made-up study in which every text from outside would be an element."""
    study = made_up_study()
    for number, (key, entry) in enumerate(study["entries"].items()):
        entry["label"] = f"{number} {HOSTILE}"
        series = study["series"][key]
        series["measures"] = study["metrics"][key]
        series["concept_names"] = {
            basis: [HOSTILE, *names] for basis, names in series["concept_names"].items()
        }
        for pair in series["encoded"]:
            pair["concept"] = f"{pair['concept']} {HOSTILE}"
    for model in study["baseline"]["models"]:
        model["name"] += HOSTILE
    for comparison in study["comparisons"].values():
        comparison["first_layers"][0] += HOSTILE
    for instrument in study["controls"].values():
        instrument["controls"][0]["what"] += HOSTILE
    return study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the results of a made-up study, and run the stages that show them."""
    folder = tmp_path_factory.mktemp("study")
    study = hostile_study()
    settings = yaml.safe_load(NANO.read_text())
    settings |= {"encoders": study["entries"], "comparisons": study["comparisons"]}
    settings |= {"untrained": study["nulls"]}
    settings["study"] = {"title": f"The {HOSTILE}", "description": f"First.\n\nThen {HOSTILE}"}
    (folder / "params.yaml").write_text(yaml.safe_dump(settings))
    tables = "interpreting_clip/reference"
    for name in ("data", "interpreting_clip"):
        (folder / name).mkdir()
    for name in ("data/reference", tables, "constraints.txt", "versions.yaml", "studies"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for group, results in (
            ("encoders", study["series"]),
            ("untrained", study["nulls"]),
            ("comparisons", study["comparisons"]),
        ):
            for key, result in results.items():
                write_json(Path("plots") / group / f"{key}.json", result)
        for name in ("baseline", "controls"):
            write_json(file := Path("plots") / f"{name}.json", study[name])
            write_checksums(file.with_suffix(".sha256"), {str(file): file})
        probed = [{"number": 1, "name": f"moon {HOSTILE}", "category": "object"}]
        write_json(Path("data/broden_labels/concepts.json"), probed)
        seal()
        run_stage("report")
        record()
    return folder


@pytest.fixture
def report(folder: Path, page: Page) -> Page:
    """Open the study's page and let it draw all of its charts."""
    page.goto((folder / "plots/report.html").as_uri())
    page.evaluate(
        "async () => { for (const draw of Object.values(window.charts ?? {})) await draw() }"
    )
    return page


def test_a_label_on_the_page_stays_text(report: Page):
    assert HOSTILE in report.title()
    text = report.locator("body").text_content() or ""
    for shown in (f"Then {HOSTILE}", f"3 {HOSTILE}", f"star {HOSTILE}", f"moon {HOSTILE}"):
        assert shown in text, shown
    assert report.locator("img").count() == 0


def test_the_page_s_links_lead_somewhere(report: Page):
    """But those to pages that a made-up study has not: tests/pipeline has them."""
    assert report.locator("a[href]").count() > 0
    others = ("/plots/directions/", "/plots/published.html", "/README.md")
    assert [link for link in broken_links(report) if not any(o in link for o in others)] == []


def test_the_page_fits_a_telephone(report: Page):
    report.set_viewport_size(NARROW)
    assert excess_width(report) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_page(report: Page, scheme):
    report.emulate_media(color_scheme=scheme)
    assert violations(report) == []


@pytest.fixture(scope="module")
def plots(folder: Path) -> Path:
    """Let DVC fill its page of plots, as `make plots` does."""
    workspace = Workspace(folder)
    workspace.run("git", "init", "--quiet")
    workspace.run("dvc", "init", "--quiet")
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": PLOTS}))
    write_offline_template(folder / ".dvc/offline.html")
    workspace.run("dvc", "config", "--local", "plots.html_template", "offline.html")
    workspace.run("dvc", "plots", "show")
    return folder / "dvc_plots/index.html"


def test_a_label_on_dvc_s_page_stays_text(plots: Path, page: Page):
    assert "<img src=x" in plots.read_text()  # in what DVC filled in
    page.goto(plots.as_uri())
    drawn = page.locator("body > .vega-embed")
    page.wait_for_function(f"document.querySelectorAll('.marks').length >= {len(PLOTS)}")
    assert drawn.count() == len(PLOTS) == page.locator("body > *").count()
    assert page.locator("img").count() == 0
