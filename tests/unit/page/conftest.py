"""A made-up study with the structure of real results."""

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest

from interpreting_clip.config.encoders import EncoderEntry
from interpreting_clip.formats.baseline import Baseline
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.results import read_result
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.study.encoder_results import EncoderResults
from page.families import with_null
from page.names import INSTRUMENTS
from page.provenance import Provenance, study_names
from page.report_page import report_page
from page.results import StudyEncoder, UntrainedNull
from page.study_tables import study_tables
from tests.unit.page.made_results import ENCODERS, LINES, SHIFTS, beta, comparison, written_results


def interval(value: float | int, width: float | int = 1) -> dict[str, Any]:
    return {"value": value, "low": value - width, "high": value + width}


def model(name: str, imagenet: float) -> dict[str, Any]:
    """Make a model that lies on every line."""
    return {"name": name, "imagenet": imagenet, **{s: beta(s, imagenet) for s in SHIFTS}}


def study_baseline() -> dict[str, Any]:
    return {
        "models": [model(f"model {i}", x) for i, x in enumerate(np.linspace(35, 98, 16).tolist())],
        "lines": msgspec.to_builtins(LINES),
        "abscissa": dict.fromkeys(SHIFTS, "imagenet"),
        "chance": {s: {"accuracy": 8.3, "above": 9.5} for s in SHIFTS},
        "at_chance": {s: [] for s in SHIFTS},
    }


def untrained_null(lowest: float, highest: float) -> dict[str, Any]:
    """Return twenty untrained encoders whose kurtosis is spread evenly."""
    names = ("kurtosis", "max_to_median", "rms_kurtosis", "dimensions")
    numbers = dict.fromkeys(names, np.linspace(lowest, highest, 20).tolist())
    numbers |= dict.fromkeys(("outlier_features", "robust_outliers"), [0] * 20)
    return {"representation": "linear", "images": 500, "numbers": numbers}


def study_controls() -> dict[str, Any]:
    known = {"planted": 3.0, "found": 2.98, "tolerance": 0.05, "as_planted": True}
    found = {name: {"controls": [{"what": f"planted: {name}", **known}]} for name in INSTRUMENTS}
    check = {"score": "balanced", "check": "missing labels", "fell": {"0.01": 0.1}}
    found["concepts"]["checks"] = [check | {"passes": passes} for passes in (False, True)]
    raised = [(k, size, size / (40 * k)) for k in (1, 3, 4) for size in (4.0, 12.0, 30.0)]
    found["outlier_features"] |= {
        "curve": [{"axes": k, "size": a, "found": x, "arithmetic": x} for k, a, x in raised],
        "limits": [{"axes": k, "highest": 6.0, "raised_by": a} for k, a in ((3, 16.7), (4, None))],
    }
    return found


@pytest.fixture
def study() -> dict[str, Any]:
    """Return the loaded JSONs of a whole study; each test may change its own copy."""
    return {
        "entries": {
            key: dict(zip(("label", "training", "data"), values[:3], strict=True))
            | {"backbone": key.partition("_")[0], "head": "zero_shot"}
            for key, values in ENCODERS.items()
        },
        "results": {key: written_results(key, seed) for seed, key in enumerate(ENCODERS)},
        "nulls": {"rn": untrained_null(2.3, 3.4), "vit": untrained_null(2.5, 4.1)},
        "baseline": study_baseline(),
        "controls": study_controls(),
    }


def read(study: dict[str, Any]) -> list[StudyEncoder]:
    """Read the encoders of a study that a test has changed, as the report does."""
    nulls = msgspec.convert(study["nulls"], dict[str, UntrainedNull])
    with TemporaryDirectory() as folder:
        write_json(file := Path(folder) / "results.json", study["results"])
        results = read_result(file, dict[str, EncoderResults])
    return [
        with_null(
            StudyEncoder(
                key=key,
                number=number,
                entry=msgspec.convert(entry, EncoderEntry),
                results=results[key],
                replicas=study.get("replicas", {}).get(key, {}),
            ),
            nulls,
        )
        for number, (key, entry) in enumerate(study["entries"].items(), 1)
    ]


def read_baseline(study: dict[str, Any]) -> Baseline:
    """Check the baseline of a study that a test has changed."""
    return msgspec.convert(study["baseline"], Baseline)


@pytest.fixture
def encoders(study: dict[str, Any]) -> list[StudyEncoder]:
    return read(study)


@pytest.fixture
def comparisons() -> list[LayerCka]:
    others = ("rn_web_broad_finetuned", "rn_supervised", "vit_web_broad")
    return [comparison("rn_web_broad", other) for other in others]


def study_page(
    study: dict[str, Any],
    comparisons: Sequence[LayerCka] = (),
    provenance: Provenance | None = None,
) -> str:
    """Return the page of the study as it is now."""
    provenance = provenance or Provenance()
    encoders, baseline = read(study), read_baseline(study)
    names, controls = study_names({}, provenance.shifts), study["controls"]
    return report_page(
        title="a <miniature>",
        description="First & foremost.\n\nSecond.",
        encoders=encoders,
        comparisons=comparisons,
        baseline=baseline,
        controls=controls,
        tables=study_tables(encoders, comparisons, baseline, controls, names),
        provenance=provenance,
    )


@pytest.fixture
def fewer(study: dict[str, Any]) -> dict[str, Any]:
    """The study without ObjectNet and ImageNet-A."""
    for results in study["results"].values():
        for name in SHIFTS[3:]:
            del results["robustness"]["per_shift"][name]
    return study


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the charts empty: drawing them takes most of a page's time."""
    monkeypatch.setattr("interpreting_clip.charts.pictures.draw_svg", lambda *_: "<svg></svg>")


def table(page: str, caption: str) -> str:
    return page[page.index(f"<caption>{caption}</caption>") :].partition("</table>")[0]


def cells(table: str, row: str) -> list[str]:
    """Return the cells of a row of a table by the row's heading."""
    line = next(line for line in table.split("<tr>") if f">{row}</th>" in line)
    return re.findall(r"<td[^>]*>(.*?)</td>", line)
