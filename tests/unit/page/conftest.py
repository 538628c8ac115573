"""The study's own results, whose copies a test may change, and its page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pandas as pd
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.encoders.encoder_entries import EncoderEntry
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.study.comparison_results import ComparisonResults
from interpreting_clip.study.encoder_results import EncoderResults
from interpreting_clip.study.shift_results import ShiftResults
from interpreting_clip.training.saved_baseline import Baseline
from page.families import with_null
from page.names import DATASETS, TESTBED_SHIFTS
from page.provenance import Provenance, study_names
from page.report_page import Report, report_page
from page.study_results import StudyEncoder, UntrainedNull
from page.study_tables import study_tables
from tests.reads import ROOT

PLOTS = ROOT / "plots"
SHIFTS = tuple(TESTBED_SHIFTS)
VOID = {"meta", "br", "hr", "img", "link", "input"}


CONTROL = "rn_labels"
"""A control that `add_control` adds."""


def interval(value: float, width: float = 1) -> dict[str, Any]:
    return {"value": value, "low": value - width, "high": value + width}


def load_study() -> dict[str, Any]:
    """Return the study in the repository: its entries, and its results as loaded JSON."""
    params = load_tree(ROOT / "params.yaml")
    comparisons = [
        read_result(PLOTS / f"comparisons/{key}.json", ComparisonResults)
        for key in params["comparisons"]
    ]
    return {
        "entries": params["encoders"],
        "results": {key: read_json(PLOTS / f"encoders/{key}.json") for key in params["encoders"]},
        "nulls": {key: read_json(PLOTS / f"untrained/{key}.json") for key in params["untrained"]},
        # Results may be older than params.yaml, where a comparison's encoders may have changed.
        "comparisons": [
            one for one in comparisons if {one.cka.first, one.cka.second} <= set(params["encoders"])
        ],
        "baseline": read_json(PLOTS / "baseline.json"),
        "own": {},
        "replicas": {},
        "browsed": params["browse"]["encoders"],
        "further": [],
        "outdated": [],
        "arrays": [],
        "labelled": [],
    }


@pytest.fixture
def study() -> dict[str, Any]:
    return load_study()


@pytest.fixture
def fewer(study: dict[str, Any]) -> dict[str, Any]:
    """The study without ObjectNet and ImageNet-A."""
    for results in study["results"].values():
        for name in ("objectnet", "imagenet_a"):
            del results["robustness"]["per_shift"][name]
    return study


def read(study: dict[str, Any]) -> list[StudyEncoder]:
    """Read the encoders of a study that a test has changed, as the report does."""
    entries = msgspec.convert(study["entries"], dict[str, EncoderEntry])
    nulls = msgspec.convert(study["nulls"], dict[str, UntrainedNull])
    with TemporaryDirectory() as folder:
        write_json(file := Path(folder) / "results.json", study["results"])
        results = read_result(file, dict[str, EncoderResults])
    encoders = []
    for number, (key, entry) in enumerate(entries.items(), 1):
        known = {"results": results[key], "replicas": study["replicas"].get(key, {})}
        known["browsable"] = key in study["browsed"]
        known["own"] = msgspec.convert(study["own"].get(key, {}), dict[str, ShiftResults])
        encoder = StudyEncoder(key=key, number=number, entry=entry, **known)
        encoders.append(with_null(encoder, nulls))
    return encoders


def tables_of(study: dict[str, Any], names: dict[str, str] = DATASETS) -> dict[str, pd.DataFrame]:
    baseline = msgspec.convert(study["baseline"], Baseline)
    layers = [one.cka for one in study["comparisons"]]
    return study_tables(read(study), layers, baseline, names)


def study_page(study: dict[str, Any], provenance: Provenance = Provenance()) -> str:  # noqa: B008
    report = Report(
        title="a <miniature>",
        description="First & foremost.\n\nSecond.",
        encoders=read(study),
        comparisons=study["comparisons"],
        baseline=msgspec.convert(study["baseline"], Baseline),
        further=study["further"],
        outdated=study["outdated"],
        arrays=study["arrays"],
        labelled=study["labelled"],
        tables=tables_of(study, study_names({}, provenance.shifts)),
        provenance=provenance,
    )
    return report_page(report)


def add_control(study: dict[str, Any]) -> None:
    """Add an encoder that learnt labels of the images whose captions `rn_web_broad` learnt."""
    entry = {"data": "web_broad", "label": "RN labels (control)"}
    study["entries"][CONTROL] = study["entries"]["rn_supervised"] | entry
    study["results"][CONTROL] = deepcopy(study["results"]["rn_supervised"])


@contextmanager
def undrawn() -> Iterator[None]:
    """Leave the charts empty: drawing them takes most of a page's time."""
    with pytest.MonkeyPatch.context() as patch:
        pictures, data = "interpreting_clip.charts.pictures", {"data": [{"name": "rows"}]}
        patch.setattr(f"{pictures}.compiled", lambda _spec: data)
        patch.setattr(f"{pictures}.draw_svg", lambda *_: "<svg></svg>")
        yield


def table(page: str, caption: str) -> str:
    return page[page.index(f"<caption>{caption}</caption>") :].partition("</table>")[0]


def cells(table: str, row: str) -> list[str]:
    """Return the cells of a row of a table by the row's heading."""
    line = next(line for line in table.split("<tr>") if f">{row}</th>" in line)
    return re.findall(r"<td[^>]*>(.*?)</td>", line)


class Tags(HTMLParser):
    """The links of a page, what it loads, and the tags that are closed out of order or never."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.identifiers: list[str] = re.findall(r'\bid="([^"]+)"', html)
        self.links: list[str] = re.findall(r'(?:href|src)="([^"]*)"', html)
        self.loads = re.findall(r"<script[^>]*src|@import|<link|<iframe|<img", html)
        self.feed(html)
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)
