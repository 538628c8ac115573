"""A stage reads what DVC has recorded of its inputs, or nothing."""

import random
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.json import write_json
from runner.graph import loop_entries, read_entry
from tests.pipeline.refusals import refused
from tests.reads import GRAPH, ROOT, body
from tests.rot import files_of, flipped, record

GIT = ("data/reference", "data/published", "data/baselines")
MADE = ("data/", "plots/")
READERS = sorted(
    stage
    for stage in GRAPH
    if any(
        str(dep).startswith(MADE) and not str(dep).startswith(GIT) for dep in body(stage)["deps"]
    )
)
"""The stages that read what another has written."""


@pytest.fixture(params=READERS)
def start(request, tmp_path, monkeypatch):
    """Write a folder with a file in place of each input of a stage; return how to start it."""
    monkeypatch.chdir(tmp_path)
    study = load_tree(ROOT / "params.yaml")
    pair = {"first": "rn_web_broad", "second": "rn_web_broad_finetuned"}
    study["interpolate"] = {"mixed": pair | {"alpha": 0.5}}
    probe = {"start": "rn_web_broad", "dataset": "imagenet_train", "features": "embedding"}
    study["probe"] = {"probed": probe}
    study["array_downloads"] = {"far": {"url": "https://localhost/a.npy", "sha256": "0" * 64}}
    Path("params.yaml").write_text(yaml.safe_dump(study))
    stage = request.param
    key = next(iter(loop_entries(GRAPH[stage], study)), "")
    entry = read_entry(stage, key, study, ROOT / "dvc.yaml")
    for path in map(Path, entry.deps):  # those that no stage makes
        (path.parent if path.suffix else path).mkdir(parents=True, exist_ok=True)
        if path.suffix and path.as_posix() not in entry.makers:
            path.touch()
    inputs, makers = [], defaultdict(lambda: ([], []))
    for made, maker in entry.makers.items():
        if any(Path(made).is_relative_to(dep) for dep in entry.deps):
            path = Path(made)
            write_json(path if path.suffix else path / "results.json", {"a": 1})
            inputs.append(path)
            makers[maker][1].append(made)
    record(**makers)
    return stage, key, inputs


def test_one_flipped_bit_of_any_input_is_refused(start):
    stage, key, inputs = start
    for path in inputs:
        (file,) = files_of(path)
        for flip in flipped(file, random.Random(stage), 1):
            said = refused(stage, key)
            # Without a path, `dvc commit` accepts all damage.
            assert said.startswith(f"{path}: ") and f"`dvc commit -f {path}`" in said, flip
            assert "dvc.lock records" in said and "make fsck MEND=1" in said, flip
