import math
from pathlib import Path

import msgspec
import pytest
import yaml

from interpreting_clip.config.params import convert
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.study.check import check
from interpreting_clip.study.sections import EverySection, Sections
from runner.machine_settings import Machine
from tests.pipeline.workspace import NANO
from tests.reads import ROOT
from tools import reachable
from tools.__main__ import main
from tools.plan import make_plan, passes
from tools.reachable import UNKNOWN, Answer, image_count, size, weight_sources

STUDIES = sorted(ROOT.glob("studies/*.yaml"))

BRODEN = {"kind": "broden", "source": "folder", "folder": "broden1"}

REMOTE = {
    "imagenet_val": {"kind": "imagenet", "source": "folder", "folder": "val"},
    "imagenet_v2": {
        "kind": "imagenet_v2",
        "source": "hub",
        "hub": {"repository": "owner/v2", "revision": "main", "files": "test/*.tar"},
        "limit": 2000,
    },
    "imagenet_r": {"kind": "absent", "source": "none"},
    "imagenet_a": {
        "kind": "imagenet_a",
        "source": "archive",
        "archive": [{"url": "http://host/a.tar", "sha256": "0" * 64}],
    },
}

STATED = {"dataset": 1_000_000, "url": 690_000, "folder": 0}


@pytest.fixture
def nano() -> Sections:
    return check(NANO)


@pytest.fixture
def remote() -> Sections:
    tree = load_tree(NANO)
    tree["datasets"] |= REMOTE
    shards = {"images_per_shard": 1000}
    tree["sources"] |= {"hub": shards, "archive": shards, "folder": shards, "none": {}}
    return convert(tree, EverySection, "", Path("remote.yaml"))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that writes the nano study with other datasets."""
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path))

    def write(**datasets):
        tree = load_tree(NANO)
        tree["datasets"] |= datasets
        sources = {entry["source"] for entry in datasets.values() if "source" in entry}
        tree["sources"] |= {source: {"images_per_shard": 10} for source in sources}
        file = tmp_path / "study.yaml"
        file.write_text(yaml.safe_dump(tree))
        return str(file)

    return write


@pytest.fixture
def plan(remote, monkeypatch):
    """Return a function that plans the remote study, whose servers answer at once."""

    def answer(source, machine, *, offline):
        problem = "val: gone" if source.kind == "folder" else None
        return Answer(problem, UNKNOWN if offline else STATED[source.kind], asked=not offline)

    monkeypatch.setattr(reachable, "ask", answer)
    return lambda offline: make_plan(remote, Machine(), offline=offline)


@pytest.fixture
def images(nano):
    return {key: image_count(key, entry) for key, entry in (nano.datasets | nano.shifts).items()}


def test_a_drawn_study_needs_nothing_from_elsewhere(capsys):
    main("plan", str(NANO))
    said = capsys.readouterr().out
    assert said.endswith("Sources: 0, cannot be reached: 0, not asked: 0\n")
    for title in ("Sources", "Images that pass", "Trainings", "Disk"):
        assert f"\n{title}" in said


def test_a_download_is_what_the_host_says_and_a_limit_keeps_its_share(plan):
    tables, _ = plan(False)
    found = {row["what"]: row for row in tables["Sources"]}
    downloads = {key: row["download"] for key, row in found.items()}
    assert downloads["imagenet_v2"] == "1.0 MB" and downloads["imagenet_a"] == "690.0 kB"
    assert downloads["imagenet_val"] == downloads["imagenet_r"] == "0 Bytes"
    assert found["imagenet_v2"]["stored"] == size(1_000_000 * 2000 / 10_000)
    assert found["imagenet_val"]["stored"] == "6.7 GB"  # read from a folder
    assert found["imagenet_r"]["stored"] == "0 Bytes"
    assert found["imagenet_val"]["state"] == "CANNOT BE REACHED"
    assert tables["Disk"][0]["bytes"] == "1.7 MB"


def test_a_download_is_estimated_where_nobody_was_asked(plan):
    tables, answers = plan(True)
    row = next(row for row in tables["Sources"] if row["what"] == "imagenet_v2")
    assert (row["download"], row["state"]) == ("1.3 GB", "not asked")
    assert sum(not answer.asked for answer in answers.values()) == 3


def test_ends_with_1_and_names_what_cannot_be_reached(study, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main("plan", study(broden=BRODEN))
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "cannot be reached: 1," in said and str(tmp_path / "broden1") in said
    (tmp_path / "broden1/images").mkdir(parents=True)
    main("plan", study(broden=BRODEN))
    said = capsys.readouterr().out
    assert "Sources: 1, cannot be reached: 0" in said and "63,305" in said


def test_forward_passes_are_the_images_of_each_stage(nano, images):
    each = sum(images[key] for key in (*TEST_SETS, *nano.shifts)) + 600 + 64
    assert passes(nano, images) == ([each, each, each + 24 * 40, each], [150])
    every = msgspec.structs.replace(nano.heads.probe, images_per_class="all")
    study = msgspec.structs.replace(nano, heads=msgspec.structs.replace(nano.heads, probe=every))
    assert each + 1200 in passes(study, images)[0]
    assert all(map(math.isnan, passes(nano, images | {"broden": UNKNOWN})[0]))


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_study_is_legal_and_its_library_has_every_name_and_tag(file):
    study = check(file)
    untrained = {key for key, found in weight_sources(study).items() if not found}
    assert untrained == {k for k, e in study.encoders.items() if e.training == "untrained"}
