"""The real dvc.yaml, run end to end on a nano study in a clone of its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import networkx as nx
import pytest
from dvc.repo import Repo

from tests.pipeline.workspace import Workspace
from tests.reads import STAGES, anchors, body

WRITTEN = {out: stage for stage in STAGES for out in body(stage)["outs"] if isinstance(out, str)}
MEASURES = {WRITTEN[dep] for dep in body("summarize")["deps"] if "training" not in dep}
MEASURES |= {"concept_nulls", "summarize"}
ONCE = {"study", "report"}
UNOPENED = {
    "study": {"data/baselines"},
    "arrays": {"data/study"},
    "array_rotations": {"data/study"},
    "labelled_arrays": {"data/study"},
    "array_concepts": {"data/study"},
    "fetch": {"data/study"},
    "fetch_shift": {"data/study"},
    "weights": {"data/study"},
    "published": {"data/study"},
    "vega": {"data/study"},
    "baseline": {
        "interpreting_clip/reference/imagenet_testbed_accuracies.csv",
        "data/reference/imagenet_classes.csv",
        "data/reference/objectnet_to_imagenet.csv",
    },
    "shift_baseline": {
        "data/reference/imagenet_classes.csv",
        "data/reference/objectnet_to_imagenet.csv",
        "data/baselines",
    },
}
"""What a stage waits for and does not open here: a legal study, and tables of standard models."""

EXTRACTS = ("head", "extract", "extract_broden", "extract_layers")
RAN = sorted(set(STAGES) - {"fetch_arrays", "supervise", "interpolate"})


@pytest.fixture(scope="module")
def spied(nano: Workspace) -> dict[str, list[dict]]:
    """Return what the processes of each stage touched, by its name."""
    found: dict[str, list[dict]] = {}
    for line in nano.spied.read_text().splitlines():
        process = json.loads(line)
        found.setdefault(process["argv"][1], []).append(process)
    return found


@pytest.fixture(scope="module")
def lock(nano: Workspace) -> dict[str, dict]:
    return nano.lock()


def instance(stage: str, process: dict) -> str:
    """Return what DVC calls the instance of a stage that a process ran."""
    return "@".join([stage, *process["argv"][2:]])


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # pygtrie's, in DVC's graph
def test_every_stage_waits_for_a_legal_study(nano):
    with Repo(str(nano.folder)) as repo:
        graph = repo.index.graph
        study = next(stage for stage in graph if stage.name == "study")
        free = {stage.name for stage in graph} - {s.name for s in nx.ancestors(graph, study)}
    assert free == {"study", "code"}


def test_a_second_run_runs_nothing_with_plain_dvc_either(nano):
    assert nano.repro() == set()
    assert "Running stage" not in nano.run("dvc", "repro")
    assert nano.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize("stage", RAN)
def test_the_parameters_that_a_stage_reads_are_those_that_dvc_yaml_lists(spied, lock, stage):
    every = {path for process in spied[stage] for path in process["read"]}
    for process in spied[stage]:
        known = lock[instance(stage, process)].get("params", {}).get("params.yaml", {})
        listed = {f"{path}." for path in leaves(known)}
        assert all(any(one.startswith(f"{p}.") for one in listed) for p in process["read"])
        assert all(any(one.startswith(f"{p}.") for p in every) for one in listed)


def leaves(node: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every value below a section that DVC has recorded."""
    if not isinstance(node, dict) or (path and not node):
        yield path
        return
    for key, value in node.items():
        yield from leaves(value, f"{path}.{key}".lstrip("."))


@pytest.mark.parametrize("stage", RAN)
def test_what_dvc_waits_for_is_opened(spied, lock, stage):
    process = spied[stage][0]
    deps = {entry["path"] for entry in lock[instance(stage, process)]["deps"]}
    opened = {dep for dep in deps if any(p.startswith(dep) for p in process["opened"])}
    assert deps - opened <= UNOPENED.get(stage, set())


def leads_somewhere(link: str) -> bool:
    """Say whether a link's file exists and holds the element or the heading, if it names one."""
    url = urlsplit(link)
    file, element = Path(unquote(url.path)), unquote(url.fragment)
    if not element or not file.is_file():
        return file.is_file()
    if file.suffix == ".md":
        return element in anchors(file)
    return element in re.findall(r'\sid="([^"]+)"', file.read_text())


@pytest.mark.parametrize("name", ["report", "published"])
def test_every_link_of_a_page_leads_somewhere(nano, name):
    page = nano.folder / f"plots/{name}.html"
    links = set(re.findall(r'href="([^"]+)"', page.read_text()))
    own = {urljoin(page.as_uri(), link) for link in links if "://" not in link}
    assert own and [link for link in own if not leads_somewhere(link)] == []


def test_an_encoders_entry_reruns_that_encoder_alone(clean):
    key = "rn_web_broad_finetuned"
    clean.change("recipes.finetuning.seed", 7)
    expected = {f"{stage}@{key}" for stage in ("finetune", *EXTRACTS, *MEASURES)}
    assert clean.repro() == {*expected, "cka@rn_finetuning", *ONCE}


def test_one_more_own_shift_extracts_it_alone_and_leaves_all_other_results(clean):
    before = clean.results()
    tilted = clean.params()["shifts"]["tilted"]
    clean.change("shifts.upright", tilted | {"label": "Upright", "rotation": 2.0, "seed": 12})
    entry = {"shift": "upright", "encoder": "rn_web_broad_probe"}
    clean.change("shift_encoders.upright_probe", entry)
    ran = {f"{stage}@upright" for stage in ("fetch_shift", "shift_baseline")}
    ran |= {f"{stage}@upright_probe" for stage in ("extract_shift", "measure_shift")}
    assert clean.repro() == {*ran, *ONCE}
    after = clean.results()
    changed = {
        name
        for folder, files in before.items()
        for name, digest in files.items()
        if after[folder][name] != digest
    }
    charts = {"effective_robustness.csv", "effective_robustness.svg"}
    assert changed == {*charts, "measures.csv", "report.html"}
    assert "upright_probe" in clean.run("dvc", "metrics", "show")
