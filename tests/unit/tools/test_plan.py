import math

import msgspec
import pytest

from interpreting_clip.config.params import convert
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.study.check import check
from interpreting_clip.study.dataset_entries import DatasetEntry
from interpreting_clip.study.sections import Sections
from tests.pipeline.workspace import NANO
from tests.reads import ROOT
from tools import plan, reachable
from tools.__main__ import main
from tools.plan import image_count, passes
from tools.reachable import Answer, weight_sources

STUDIES = sorted(ROOT.glob("studies/*.yaml"))

REMOTE = {
    "imagenet_val": {"kind": "imagenet", "source": "folder", "folder": "val"},
    "imagenet_v2": {
        "kind": "imagenet_v2",
        "source": "hub",
        "hub": {"repository": "owner/v2", "revision": "main", "files": "test/*.tar"},
        "limit": 2000,
    },
    "imagenet_a": {
        "kind": "imagenet_a",
        "source": "archive",
        "archive": [{"url": "http://host/a.tar", "sha256": "0" * 64}],
    },
}

STATED = {"dataset": 1_000_000, "url": 690_000, "folder": 0}


def test_a_plan_has_the_bytes_of_each_source_and_names_what_cannot_be_reached(monkeypatch, capsys):
    def answer(source, machine, *, offline):
        problem = "val: gone" if source.kind == "folder" else ""
        return Answer("stated", math.nan if offline else STATED[source.kind], problem)

    monkeypatch.setattr(reachable, "ask", answer)
    tree = load_tree(NANO)
    tree["datasets"] |= REMOTE
    tree["sources"] |= {one["source"]: {"images_per_shard": 1000} for one in REMOTE.values()}
    study = convert(tree, Sections, "", NANO)
    monkeypatch.setattr(plan, "check", lambda *_: study)  # which refuses real and drawn sets

    def planned(*options: str) -> dict[str, list[str]]:
        with pytest.raises(SystemExit) as ended:
            main("plan", *options)
        said = capsys.readouterr().out
        assert ended.value.code == 1 and said.endswith("cannot be reached: 1\nval: gone\n")
        return {line.split("  ")[0]: line.split()[1:] for line in said.splitlines() if line}

    rows = planned()
    # the host says 1 MB, of which a limit keeps 2,000 of 10,000 images
    assert rows["imagenet_v2"][1:] == ["1.0", "MB", "200.0", "kB", "2,000", "stated"]
    assert rows["imagenet_a"][1:3] == ["690.0", "kB"]
    assert rows["imagenet_val"][1:5] == ["0", "Bytes", "6.7", "GB"]  # read from a folder
    assert "Downloads: 1.7 MB" in rows
    assert planned("--offline")["imagenet_v2"][1:3] == ["1.3", "GB"]  # estimated


def test_forward_passes_are_the_images_of_each_stage():
    study = check(NANO)
    images = {key: image_count(key, one) for key, one in (study.datasets | study.shifts).items()}
    each = sum(images[key] for key in TEST_SETS) + 600 + 64
    every = 4 * each + 2 * images["tilted"]
    assert passes(study, images) == (every + 24 * 40, 150)
    whole = msgspec.structs.replace(study.heads.probe, images_per_class="all")
    study = msgspec.structs.replace(study, heads=msgspec.structs.replace(study.heads, probe=whole))
    assert passes(study, images)[0] == every + 1200
    assert math.isnan(passes(study, images | {"broden": math.nan})[0])


@pytest.mark.parametrize(
    ("key", "kind", "limit", "expected"),
    [
        ("imagenet_val", "imagenet", 5999, 5000),
        ("imagenet_val", "imagenet", 60_000, 50_000),
        ("objectnet", "objectnet", None, 18_574),
        ("web", "captions", None, math.nan),
    ],
)
def test_a_limit_takes_equally_many_of_each_class(key, kind, limit, expected):
    entry = {"kind": kind, "source": "folder", "folder": "x", "limit": limit}
    found = image_count(key, msgspec.convert(entry, DatasetEntry))
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_study_is_legal_and_its_library_has_every_name_and_tag(file):
    study = check(file)
    untrained = study.weights.keys() - weight_sources(study).keys()
    assert untrained == {k for k, e in study.encoders.items() if e.training == "untrained"}
